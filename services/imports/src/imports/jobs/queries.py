"""Reads of imports: the list, one, its rows with what became of them, its plan, its progress."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import bindparam, select

from imports.jobs.bodies import CellError, FieldChange, PlanRow, Progress, RowView
from imports.jobs.model import COUNTED, Import
from imports.jobs.rules import ENDED, LETTERS, READING, STATES, never_back, totals_of
from plantkit.db.engine import Database, compile_statement
from plantkit.db.row import columns_of
from plantkit.errors import NotFound
from plantkit.http.listing import Listing
from takt_contracts.imports import jobs as contract
from takt_contracts.imports.jobs import ImportState, MappedColumn, RowState, Totals
from takt_contracts.imports.rows import Phase
from takt_contracts.resource import Fields, ResourceContract
from takt_contracts.roles import Role


class _Key(Fields):
    id: UUID


LISTING: Final = Listing(
    ResourceContract(
        owner="imports", name="import", plural="imports", fields=_Key, state=contract.Import, key=("id",),
        write=Role.PLANNER, titles={},
    ),
    Import,
    search=("file_name",),
    parts={
        "reason": ("reason_code", "reason_detail"),
        "totals": tuple(f"total_{name}" for name in Totals.model_fields),
        "mapping": ("mapping_json",),
        "suggestions": ("suggestions_json",),
        "warnings": ("warnings_json",),
        "archived_at": (),
    },
)  # fmt: skip

_COLUMNS = Import.__table__.c
_ONE = compile_statement(
    select(*(_COLUMNS[name] for name in columns_of(Import))).where(_COLUMNS.id == bindparam("import_id"))
)
_ROWS = """
SELECT b.first_row, b.rejected, b.rows, b.errors, w.fields,
       p.states AS plan_states, p.versions AS plan_versions, p.refusals AS plan_refusals, p.changes,
       c.states, c.versions, c.refusals
FROM import_batches b JOIN import_work w ON w.id = b.import_id
LEFT JOIN import_results p ON p.import_id = b.import_id AND p.batch = b.batch AND p.phase = 'plan'
LEFT JOIN import_results c ON c.import_id = b.import_id AND c.batch = b.batch AND c.phase = 'commit'
WHERE b.import_id = $1 AND b.last_row > $2
  AND ($3::text IS NULL OR strpos(CASE WHEN $4 THEN p.states ELSE coalesce(c.states, p.states) END, $3) > 0
       OR $3 = $5 AND (cardinality(b.rejected) > 0 OR $6))
ORDER BY b.chunk LIMIT 3
"""
_PROGRESS = """
SELECT i.state, i.waits, i.total_rows, i.total_created, i.total_updated, i.total_unchanged, i.total_rejected,
       i.total_stale, i.total_undone, i.total_conflict, w.rows_read, w.rows_rejected, d.phase, d.invalid,
       coalesce(d.rows_sent, 0) AS sent, coalesce(d.rows_answered, 0) AS answered,
       d.created, d.updated, d.unchanged, d.rejected, d.stale
FROM imports i JOIN import_work w ON w.id = i.id LEFT JOIN import_dispatches d ON d.id = i.id
WHERE i.id = $1
"""


async def one(db: Database, import_id: UUID) -> Import:
    """Raises NotFound."""
    found = await db.fetch(_ONE, import_id=import_id)
    if not found:
        raise NotFound("import", import_id)
    return Import(**found[0])


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which rows: behind row `after`, up to `limit`, in one state or in any; as planned, or as they are."""

    after: int
    limit: int
    state: RowState | None = None
    planned: bool = False


async def rows_of(db: Database, job: Import, asked: Asked) -> list["Known"]:
    """Rows in the order of the sheet. One row more than asked tells that there are more."""
    found: list[Known] = []
    after = asked.after
    while len(found) <= asked.limit:
        records = await _batches(db, job, asked, after)
        if not records:
            break
        for record in records:
            known = list(_known(job, record, planned=asked.planned))
            after = max(row.number for row in known)
            found += [row for row in known if row.number > asked.after and asked.state in (None, row.state)]
    return found[: asked.limit + 1]


async def _batches(db: Database, job: Import, asked: Asked, after: int) -> list[asyncpg.Record]:
    letter = None if asked.state is None else LETTERS[asked.state]
    anyway = job.state in ENDED and not asked.planned
    async with db.connection() as connection:
        given = (job.id, after, letter, asked.planned, LETTERS[RowState.REJECTED], anyway)
        return list(await connection.fetch(_ROWS, *given))


@dataclass(frozen=True, kw_only=True)
class Known:
    """All that is known of a row."""

    number: int
    state: RowState | None
    version: int | None
    values: dict[str, Any]
    errors: list[CellError]
    before: Mapping[str, Any]

    def shown(self) -> RowView:
        return RowView(row=self.number, state=self.state, version=self.version, values=self.values, errors=self.errors)

    def as_planned(self) -> PlanRow:
        changes = [
            FieldChange(field=name, before=value, after=self.values.get(name)) for name, value in self.before.items()
        ]
        return PlanRow(**dict(self.shown()), changes=changes)


def _known(job: Import, record: asyncpg.Record, *, planned: bool) -> Iterator[Known]:
    fields: list[str] = orjson.loads(record["fields"])
    outcome = _Outcome.of(job, record, planned=planned)
    errors = _errors(record)
    valid = {row[0]: (place, row[1:]) for place, row in enumerate(orjson.loads(record["rows"]))}
    for number in sorted([*valid, *record["rejected"]]):
        if number not in valid:
            wrong = errors.get(number, [])
            yield Known(number=number, state=RowState.REJECTED, version=None, values={}, errors=wrong, before={})
            continue
        place, values = valid[number]
        named = dict(zip(fields, values, strict=True))
        yield Known(
            number=number, values=named, before=outcome.before.get(number, {}), **outcome.at(place, number, named)
        )


def _errors(record: asyncpg.Record) -> dict[int, list[CellError]]:
    found: dict[int, list[CellError]] = {}
    for error in orjson.loads(record["errors"]):
        found.setdefault(error["row"], []).append(CellError(**error))
    return found


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What is known of the valid rows of one batch."""

    states: str | None
    versions: Sequence[int]
    refusals: Mapping[int, list[dict[str, Any]]]
    before: Mapping[int, Mapping[str, Any]]
    columns: Mapping[str, MappedColumn]
    not_taken: str | None

    @classmethod
    def of(cls, job: Import, record: asyncpg.Record, *, planned: bool) -> "_Outcome":
        """The commit's answer; the plan's, where it is asked for or nothing came after it."""
        by_plan = planned or (record["states"] is None and job.state in (ImportState.VALIDATED, ImportState.PLANNED))
        prefix = "plan_" if by_plan else ""
        refusals: dict[int, list[dict[str, Any]]] = {}
        texts = [record[f"{prefix}refusals"], None if by_plan else record["plan_refusals"]]
        for refusal in orjson.loads(texts[0] or "[]") + _of_plan(record, texts[1], by_plan=by_plan):
            refusals.setdefault(refusal["row"], []).append(refusal)
        return cls(
            states=record[f"{prefix}states"],
            versions=record[f"{prefix}versions"] or (),
            refusals=refusals,
            before={change["row"]: change["before"] for change in orjson.loads(record["changes"] or "[]")},
            columns={column.field: column for column in job.mapping if column.field is not None},
            not_taken=_why_not(job) if job.state in ENDED and not planned else None,
        )

    def at(self, place: int, number: int, values: Mapping[str, Any]) -> dict[str, Any]:
        if self.states is None:
            state = None if self.not_taken is None else RowState.REJECTED
            errors = [] if self.not_taken is None else [_not_taken(number, self.not_taken)]
            return {"state": state, "version": None, "errors": errors}
        errors = [self._error(refusal, values) for refusal in self.refusals.get(number, ())]
        return {"state": STATES[self.states[place]], "version": self.versions[place], "errors": errors}

    def _error(self, refusal: Mapping[str, Any], values: Mapping[str, Any]) -> CellError:
        column = self.columns.get(refusal["field"] or "")
        value = values.get(refusal["field"] or "")
        return CellError(
            row=refusal["row"],
            column=0 if column is None else column.column,
            letter="" if column is None else column.letter,
            header="" if column is None else column.header,
            field=refusal["field"],
            value=None if value is None else str(value)[:80],
            expected=refusal["detail"],
            code=refusal["code"],
            hint=refusal["hint"],
        )


def _of_plan(record: asyncpg.Record, text: str | None, *, by_plan: bool) -> list[dict[str, Any]]:
    """Why the plan rejected rows that were therefore not sent again."""
    if by_plan or text is None or record["states"] is None or record["plan_states"] is None:
        return []
    answered = {refusal["row"] for refusal in orjson.loads(record["refusals"] or "[]")}
    return [one for one in orjson.loads(text) if one["row"] not in answered]


def _why_not(job: Import) -> str:
    return "The import was cancelled before this row." if job.reason is None else job.reason.detail


def _not_taken(number: int, why: str) -> CellError:
    return CellError(
        row=number, column=0, letter="", header="", field=None, value=None, expected=why, code="row.not-taken",
        hint="Upload the file again.",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an import stands. `numbers` are what never goes back; `phase` says what the totals are about."""

    state: ImportState
    rests: bool
    phase: int
    numbers: tuple[int, ...]
    totals: tuple[int, ...]

    def after(self, before: "Standing | None") -> "Standing":
        """As it is told to somebody who was told `before`: reading that began anew is not shown as a step back."""
        if before is None:
            return self
        numbers = never_back(before.numbers, self.numbers)
        same = self.phase == before.phase and not self.rests
        totals = never_back(before.totals, self.totals) if same else self.totals
        return Standing(self.state, self.rests, self.phase, numbers, totals)

    def progress(self) -> Progress:
        read, validated, sent, answered = self.numbers
        totals = Totals(**dict(zip(Totals.model_fields, self.totals, strict=True)))
        return Progress(state=self.state, read=read, validated=validated, sent=sent, answered=answered, totals=totals)


_PHASES: Final = {None: 0, Phase.PLAN.value: 1, Phase.COMMIT.value: 2}


async def standing(db: Database, import_id: UUID) -> Standing:
    """Raises NotFound."""
    async with db.connection() as connection:
        record = await connection.fetchrow(_PROGRESS, import_id)
    if record is None:
        raise NotFound("import", import_id)
    state = ImportState(record["state"])
    rests = state in ENDED or state is ImportState.PLANNED or record["waits"]
    numbers = (record["rows_read"], record["rows_read"] - record["rows_rejected"], record["sent"], record["answered"])
    totals = tuple(getattr(_totals(state, record, rests=rests), name) for name in Totals.model_fields)
    return Standing(state, rests, _PHASES[record["phase"]], numbers, totals)


def _totals(state: ImportState, record: asyncpg.Record, *, rests: bool) -> Totals:
    if state in READING:
        return Totals(rows=record["rows_read"], rejected=record["rows_rejected"])
    if rests or record["phase"] is None:
        return Totals(**{name: record[f"total_{name}"] for name in Totals.model_fields})
    counts = {name: record[name] for name in COUNTED}
    return totals_of(record["total_rows"], counts | {"rejected": counts["rejected"] + record["invalid"]})
