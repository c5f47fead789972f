"""Rows of an import that become records: the business key decides which record a row makes or changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import asyncpg
import orjson
from sqlalchemy import ARRAY, Text, bindparam, func, select
from sqlalchemy.orm.attributes import manager_of_class

from plantkit.db.engine import compile_statement
from plantkit.db.row import Values, columns_of
from plantkit.db.tx import Tx
from plantkit.errors import DomainError, Forbidden
from plantkit.ids import new_id
from plantkit.resources.incoming import Incoming, Key, RowReader
from plantkit.resources.sent import uploader
from plantkit.resources.verdict import Changed, Judge, Present, by_row
from records.access import hidden_from
from records.i_json import plain
from records.kinds import RecordTypeRow
from records.versions.commands import next_version
from records.versions.model import RecordRow, VersionRow
from records.versions.rules import checked, key_of, refuse_move, refuse_silence, refuse_strangers
from takt_contracts.records.records import Lifecycle, VersionKind
from takt_contracts.records.template import REASON
from takt_contracts.resource import Change, Kind
from takt_contracts.template import ImportTemplate

_CONTENT: Final = "/content/"
_HOLDERS = select(*(getattr(RecordRow, name) for name in columns_of(RecordRow))).where(
    RecordRow.record_type == bindparam("record_type"),
    RecordRow.business_key == func.any(bindparam("keys", type_=ARRAY(Text))),
)
_HELD = compile_statement(_HOLDERS)
_LOCKED = compile_statement(_HOLDERS.order_by(RecordRow.business_key).with_for_update())


class RecordTarget:
    """Records of one type as a target of imports. What the type says now is read with each batch."""

    asks = False

    def __init__(self, template: ImportTemplate) -> None:
        self.template = template
        self.reader = RowReader(template)
        self.required = frozenset(column.field for column in template.columns if column.required)

    async def judges(self, tx: Tx, batches: Sequence[Incoming], *, lock: bool, hold: bool) -> list[Judge]:
        kind = await tx.one(RecordTypeRow, name=self.template.id)
        present = await _present(tx, kind, batches, lock=lock)
        return [RecordJudge(tx, self, kind, incoming, present) for incoming in batches]

    def is_another_rule(self, taken: asyncpg.UniqueViolationError) -> bool:
        """Records have no unique rule but their key's."""
        return False


async def _present(tx: Tx, kind: RecordTypeRow, batches: Sequence[Incoming], *, lock: bool) -> Present:
    """By the values of the key; the table knows its digest only."""
    keys = {key for incoming in batches for key in incoming.keys if key and None not in key}
    by_digest = {_digest(kind, key): key for key in keys}
    statement = _LOCKED if lock else _HELD
    found = await tx.fetch(statement, record_type=kind.name, keys=sorted(by_digest))
    return {by_digest[row["business_key"]]: row for row in found}


def _digest(kind: RecordTypeRow, key: Key) -> str:
    named = dict(zip(kind.business_key, key, strict=True))
    return str(key_of(kind.business_key, plain(named)))


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a row makes of its record's content: as it is stored, and why."""

    text: str
    reason: str | None


class RecordJudge(Judge):
    """Judges rows by the schema of their type, as it is now. Whose record it is, edits it."""

    def __init__(self, tx: Tx, target: RecordTarget, kind: RecordTypeRow, incoming: Incoming, present: Present) -> None:
        super().__init__(incoming, present)
        self._tx = tx
        self._target = target
        self._kind = kind
        self._by = uploader(incoming.batch)
        self._unseen = hidden_from(self._by, kind.hidden_fields)
        self._rows = by_row(tuple(incoming.columns), incoming)

    def refuse_strangers(self) -> None:
        if not self._by.has(*self._kind.creators):
            needed = " or ".join(sorted(self._kind.creators))
            detail = f"Records of the type {self._kind.name} need the role {needed}."
            self._incoming.refuse_all(Forbidden.code, detail, hint=Forbidden.cure)

    def create(self, place: int) -> Changed:
        wanted = self._wanted(place, {})
        record = self._loaded(
            id=new_id(),
            created_at=self._tx.now,
            updated_at=self._tx.now,
            version=0,
            record_type=self._kind.name,
            access_class=self._kind.access_class,
            created_by=self._by.id,
            deleted_at=None,
            business_key=_digest(self._kind, self._incoming.keys[place]),
            refers_to="[]",
            lifecycle=Lifecycle.FINAL,
        ).bind(self._tx.now)
        return Changed(record, Change.CREATED, self._version(record, VersionKind.CREATED, wanted))

    def update(self, place: int, now: Values) -> Changed | None:
        read = {name: now[name] for name in columns_of(RecordRow)}
        record = self._loaded(**read).bind(self._tx.now, read)
        refuse_strangers(self._by, record.created_by)
        before = record.content or {}
        wanted = self._wanted(place, before)
        if wanted.text == record.canonical:
            return None
        refuse_silence(wanted.reason, reason_required=self._kind.reason_required)
        refuse_move(Lifecycle(record.lifecycle), Lifecycle(record.lifecycle))
        shown = self._shown(before, orjson.loads(wanted.text))
        return Changed(record, Change.UPDATED, self._version(record, VersionKind.REVISED, wanted), shown)

    def _wanted(self, place: int, before: Mapping[str, Any]) -> _Wanted:
        """An empty cell empties its field, but for one that is required or that the uploader does not see."""
        content, given = dict(before), dict(self._rows[place])
        reason = given.pop(REASON, None) if REASON not in self._kind.content_schema["properties"] else None
        for name, value in given.items():
            if value is not None:
                content[name] = value
            elif name not in self._target.required and name not in self._unseen:
                content.pop(name, None)
        try:
            return _Wanted(checked(content, self._kind.schema_text), reason)
        except DomainError as refused:
            _by_column(refused)
            raise

    def _version(self, record: RecordRow, kind: VersionKind, wanted: _Wanted) -> VersionRow:
        """Tells the record's next version; what is kept of it for ever is written with it."""
        kept = next_version(record, kind, self._kind, by=self._by.id, text=wanted.text, reason=wanted.reason)
        return VersionRow(id=new_id(), created_at=self._tx.now, **kept)

    def _shown(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
        """The values that change, as a workbook's rows have them; of what the type hides nothing."""
        columns = [column for column in self._target.template.columns if column.field not in self._kind.hides]
        moved = [column for column in columns if before.get(column.field) != after.get(column.field)]
        return {column.field: _as_cell(column.kind, before.get(column.field)) for column in moved}

    def _loaded(self, **values: Any) -> RecordRow:
        """As the ORM loads: no defaults, no history."""
        made: RecordRow = manager_of_class(RecordRow).new_instance()
        made.__dict__.update(values)
        return made


def _as_cell(kind: Kind, value: Any) -> Any:
    """As rows have it: of a number its shortest text."""
    return format(Decimal(repr(value)).normalize(), "f") if kind is Kind.DECIMAL and value is not None else value


def _by_column(refused: DomainError) -> None:
    """Name the column instead of the place in the content."""
    refused.errors = tuple(
        one.model_copy(update={"pointer": f"/{one.pointer.removeprefix(_CONTENT)}"}) for one in refused.errors
    )
