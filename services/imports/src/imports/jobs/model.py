"""An import, what is sent of it, the work it makes, and the tables that keep its rows a batch at a time."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from pydantic import BaseModel, TypeAdapter
from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from imports.db import METADATA, Aggregate, Row
from imports.jobs.errors import IllegalTransition
from imports.jobs.rules import ENDED, NEXT, Action, closed
from plantkit.work import Work
from takt_contracts.imports.files import UploadedFile
from takt_contracts.imports.jobs import ImportMoved, ImportState, MappedColumn, Reason, RowState, Suggestion, Totals
from takt_contracts.imports.rows import Phase, RowBatch, RowsReady
from takt_contracts.roles import Role

_STATES = ", ".join(f"'{state}'" for state in ImportState)
_ENDED = ", ".join(f"'{state}'" for state in sorted(ENDED))
_SUM = " + ".join(f"total_{state}" for state in RowState)
_MAPPING = TypeAdapter(tuple[MappedColumn, ...])
_SUGGESTIONS = TypeAdapter(tuple[Suggestion, ...])
_WARNINGS = TypeAdapter(tuple[Reason, ...])


COUNTED = ("created", "updated", "unchanged", "rejected", "stale")


class Import(Aggregate):
    """One file on its way. Every state it reaches is told.

    `waits` says that a person has to say what its columns mean.
    """

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state_is_known"),
        CheckConstraint("(state = 'failed') = (reason_code IS NOT NULL)", name="failed_has_a_reason"),
        CheckConstraint(f"total_rows = {_SUM} OR state NOT IN ({_ENDED})", name="ended_sums_up"),
        CheckConstraint(f"total_rows >= {_SUM}", name="no_row_counts_twice"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index(None, "state"),
        Index(None, "uploaded_at"),
        {"comment": "Files on their way from the inbox to the plant's log"},
    )

    file_name: Mapped[str] = mapped_column(String(200))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    dataref: Mapped[str] = mapped_column(String(500), comment="key in the object store")
    template: Mapped[str | None] = mapped_column(String(40))
    target: Mapped[str | None] = mapped_column(String(40))
    mode: Mapped[str] = mapped_column(String(10))
    atomic: Mapped[bool]
    on_duplicate: Mapped[str] = mapped_column(String(10))
    uploaded_by: Mapped[str] = mapped_column(String(200))
    held_roles: Mapped[str] = mapped_column(String(200), comment="of the uploader, with blanks between")
    uploaded_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))
    waits: Mapped[bool] = mapped_column(comment="for a person to map its columns")
    by_person: Mapped[bool] = mapped_column(comment="whether a person mapped its columns")
    reason_code: Mapped[str | None] = mapped_column(String(100))
    reason_detail: Mapped[str | None] = mapped_column(Text)
    sheet: Mapped[str | None] = mapped_column(Text)
    header_row: Mapped[int | None] = mapped_column(BigInteger)
    mapping_json: Mapped[str] = mapped_column(JSONB)
    suggestions_json: Mapped[str] = mapped_column(JSONB)
    warnings_json: Mapped[str] = mapped_column(JSONB)
    plan_hash: Mapped[str | None] = mapped_column(String(64), comment="sha256 of what the plan said of each row")
    total_rows: Mapped[int] = mapped_column(BigInteger)
    total_created: Mapped[int] = mapped_column(BigInteger)
    total_updated: Mapped[int] = mapped_column(BigInteger)
    total_unchanged: Mapped[int] = mapped_column(BigInteger)
    total_rejected: Mapped[int] = mapped_column(BigInteger)
    total_stale: Mapped[int] = mapped_column(BigInteger)
    total_undone: Mapped[int] = mapped_column(BigInteger)
    total_conflict: Mapped[int] = mapped_column(BigInteger)

    @staticmethod
    def values_of(file: UploadedFile) -> dict[str, Any]:
        """Columns of an import of this file, before anything was read of it."""
        given = file.model_dump(exclude={"template", "target", "roles", "content_type"})
        zero = {f"total_{name}": 0 for name in Totals.model_fields}
        empty = {f"{name}_json": "[]" for name in ("mapping", "suggestions", "warnings")}
        roles = " ".join(sorted(file.roles))
        return {
            **given, **zero, **empty, "held_roles": roles, "state": ImportState.UPLOADED, "waits": False,
            "by_person": False, "template": file.template, "target": file.target or file.template,
        }  # fmt: skip

    @property
    def reason(self) -> Reason | None:
        return None if self.reason_code is None else Reason(code=self.reason_code, detail=self.reason_detail or "")

    @property
    def totals(self) -> Totals:
        return Totals(**{name: getattr(self, f"total_{name}") for name in Totals.model_fields})

    @property
    def mapping(self) -> tuple[MappedColumn, ...]:
        return _MAPPING.validate_json(self.mapping_json)

    @property
    def suggestions(self) -> tuple[Suggestion, ...]:
        return _SUGGESTIONS.validate_json(self.suggestions_json)

    @property
    def warnings(self) -> tuple[Reason, ...]:
        return _WARNINGS.validate_json(self.warnings_json)

    @property
    def archived_at(self) -> None:
        """Imports are kept as they ended."""

    @property
    def roles(self) -> tuple[Role, ...]:
        return tuple(Role(word) for word in self.held_roles.split())

    def received(self) -> None:
        self.record(ImportMoved)

    def parsed(self, *, sheet: str | None, header_row: int | None, warnings: Sequence[Reason]) -> None:
        self.sheet, self.header_row, self.warnings_json = sheet, header_row, _json(warnings)
        self._move(Action.PARSE)

    def mapped(self, template: str | None, columns: Sequence[MappedColumn], suggestions: Sequence[Suggestion]) -> None:
        """Without a template it waits for a person to choose one."""
        self.template, self.target = template, template
        self.mapping_json, self.suggestions_json = _json(columns), _json(suggestions)
        self.waits = template is None
        self._move(Action.MAP)

    def mapped_by_hand(self, template: str, columns: Sequence[MappedColumn]) -> None:
        """Raises IllegalTransition when nobody asked for it."""
        if not self.waits:
            raise IllegalTransition(state=ImportState(self.state), action=Action.MAP)
        self.by_person = bool(columns)
        self.mapped(template, columns or self.mapping, self.suggestions)

    def has_new_columns(self, columns: Sequence[MappedColumn]) -> bool:
        """Whether the sheet was mapped by its header after a person chose the target."""
        return not self.waits and not self.by_person and tuple(columns) != self.mapping

    def validated(self, *, rows: int, rejected: int) -> None:
        self._count(Totals(rows=rows, rejected=rejected))
        self._move(Action.VALIDATE)

    def planned(self, totals: Totals, plan_hash: str | None) -> None:
        self.plan_hash = plan_hash
        self._count(totals)
        self._move(Action.PLAN)

    def started(self, *, rejected: int) -> None:
        """Raises IllegalTransition when there is no plan, or when it is committed already."""
        self._count(Totals(rows=self.total_rows, rejected=rejected))
        self._move(Action.COMMIT)

    def done(self, totals: Totals) -> None:
        self._count(closed(totals))
        self._move(Action.FINISH)

    def failed(self, code: str, detail: str, totals: Totals) -> None:
        self.reason_code, self.reason_detail = code, detail
        self.waits = False
        self._count(closed(totals))
        self._move(Action.FAIL)

    def cancelled(self, totals: Totals) -> None:
        self.waits = False
        self._count(closed(totals))
        self._move(Action.CANCEL)

    def require(self, action: Action) -> ImportState:
        """The state after it. Raises IllegalTransition."""
        state = ImportState(self.state)
        to = NEXT.get((state, action))
        if to is None:
            raise IllegalTransition(state=state, action=action)
        return to

    def _move(self, action: Action) -> None:
        self.state = self.require(action)
        self.record(ImportMoved)

    def _count(self, totals: Totals) -> None:
        for name in Totals.model_fields:
            setattr(self, f"total_{name}", getattr(totals, name))


def _json(models: Iterable[BaseModel]) -> str:
    return orjson.dumps([model.model_dump(mode="json") for model in models]).decode()


class Dispatch(Row):
    """What was sent of an import and what was answered. `messages` are counted without gaps, in all phases.

    Rows are counted over all phases, states of the present one only. `stopped`: nothing more is sent.
    """

    __tablename__ = "import_dispatches"
    __table_args__ = (
        CheckConstraint("outstanding >= 0 AND last_batch <= batches", name="nothing_is_answered_twice"),
        {"comment": "How far the rows of an import have gone to their owner and back"},
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("imports.imports.id"), primary_key=True)
    messages: Mapped[int] = mapped_column(BigInteger, comment="version of the last one that was sent")
    phase: Mapped[str] = mapped_column(String(10))
    batches: Mapped[int] = mapped_column(Integer, comment="how many there are to send in a phase")
    last_batch: Mapped[int] = mapped_column(Integer, comment="the last one sent or left out in this phase")
    outstanding: Mapped[int] = mapped_column(Integer)
    invalid: Mapped[int] = mapped_column(BigInteger, comment="rows that were rejected when they were read")
    stopped: Mapped[bool]
    has_plan: Mapped[bool]
    rows_sent: Mapped[int] = mapped_column(BigInteger)
    rows_answered: Mapped[int] = mapped_column(BigInteger)
    created: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[int] = mapped_column(BigInteger)
    unchanged: Mapped[int] = mapped_column(BigInteger)
    rejected: Mapped[int] = mapped_column(BigInteger)
    stale: Mapped[int] = mapped_column(BigInteger)

    @staticmethod
    def values_of(phase: Phase, *, batches: int, invalid: int) -> dict[str, Any]:
        zero = dict.fromkeys(("messages", "last_batch", "outstanding", "rows_sent", "rows_answered", *COUNTED), 0)
        return {"phase": phase, "batches": batches, "invalid": invalid, "stopped": False, "has_plan": False, **zero}

    @property
    def counts(self) -> dict[str, int]:
        """Rows by state, those that are not valid among the rejected."""
        counts = {name: getattr(self, name) for name in COUNTED}
        return counts | {"rejected": self.rejected + self.invalid}

    @property
    def has_more(self) -> bool:
        return self.last_batch < self.batches

    @property
    def is_over(self) -> bool:
        return self.outstanding == 0 and (self.stopped or not self.has_more)

    def begin_commit(self) -> None:
        """After a plan."""
        self.phase, self.has_plan, self.last_batch = Phase.COMMIT, True, 0
        for name in COUNTED:
            setattr(self, name, 0)

    def next_message(self, batch: RowBatch) -> RowsReady:
        """The values were validated when they were read, so they are not validated again."""
        self.last_batch = batch.batch
        self.outstanding += 1
        self.rows_sent += len(batch.rows)
        self.messages += 1
        return RowsReady.model_construct(version=self.messages, state=batch)

    def leave_out(self, batch: int, counts: dict[str, int]) -> None:
        """Nothing of it is sent: the plan rejected all of its rows."""
        self.last_batch = batch
        self._count(counts)

    def answered(self, rows: int, counts: dict[str, int]) -> None:
        self.outstanding -= 1
        self.rows_answered += rows
        self._count(counts)

    def _count(self, counts: dict[str, int]) -> None:
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)


class ImportWork(Work, Row):
    """The worker's part of an import: read it, or send what is taken as a whole. Its lane is the uploader."""

    __tablename__ = "import_work"
    __table_args__ = (
        Index("import_work_open", "id", postgresql_where="finished_at IS NULL"),
        {"comment": "What the import worker has to do, leased to one worker at a time"},
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("imports.imports.id"), primary_key=True)
    task: Mapped[str] = mapped_column(String(10), comment="read or send")
    rows_read: Mapped[int] = mapped_column(BigInteger)
    rows_rejected: Mapped[int] = mapped_column(BigInteger)
    batches: Mapped[int] = mapped_column(Integer)
    fields: Mapped[str] = mapped_column(JSONB, comment="what the values of its rows are, behind the row's number")
    file_deleted_at: Mapped[datetime | None]
    rows_purged_at: Mapped[datetime | None] = mapped_column(comment="of an import that is not for everyone")


BATCHES = Table(
    "import_batches",
    METADATA,
    Column("import_id", Uuid, ForeignKey("imports.imports.id"), primary_key=True),
    Column("chunk", Integer, primary_key=True, autoincrement=False, comment="order in the file"),
    Column("batch", Integer, comment="number as it is sent; null where no row is valid"),
    Column("first_row", BigInteger, nullable=False),
    Column("last_row", BigInteger, nullable=False),
    Column("row_count", Integer, nullable=False, comment="valid rows"),
    Column("rejected", ARRAY(BigInteger), nullable=False, comment="numbers of rows that are not valid"),
    Column("rows", Text, nullable=False, comment="JSON: [[number, value, ...], ...]"),
    Column("errors", Text, nullable=False, comment="JSON: what is wrong with the rejected ones, cell by cell"),
    Index("import_batches_batch_idx", "import_id", "batch", unique=True),
    comment="Rows as they were read, up to 500 in one row of this table",
)

RESULTS = Table(
    "import_results",
    METADATA,
    Column("import_id", Uuid, ForeignKey("imports.imports.id"), primary_key=True),
    Column("phase", String(10), primary_key=True),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    Column("states", Text, nullable=False, comment="a letter for each valid row of the batch, in its order"),
    Column("versions", ARRAY(BigInteger), nullable=False),
    Column("refusals", Text, nullable=False, comment="JSON: why rows were rejected or stale"),
    Column("changes", Text, nullable=False, comment="JSON: values before, of rows that change"),
    comment="What owners answered, batch by batch",
)
