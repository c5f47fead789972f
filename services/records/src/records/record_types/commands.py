"""Register a record type and change it: load, ask, return."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from plantkit.db.tx import Tx
from plantkit.errors import KeyImmutable, NotFound
from plantkit.http.etag import IfMatch
from records.kinds import RecordSchemaRow, RecordTypeRow
from records.record_types.errors import AccessClassFixed, FieldFixed
from records.record_types.rules import checked, refuse_blind_creators, refuse_incompatible, refuse_undeclared
from takt_contracts.problem import FieldError
from takt_contracts.records.record_types import AccessClass, RecordTypeCreated, RecordTypeFields, RecordTypeUpdated

_PLAIN: Final = ("title", "reason_required", "retention_days")
_FIXED: Final = {"business_key": "The business key", "searchable": "What is searchable"}


@dataclass(frozen=True, kw_only=True)
class RegisterType:
    fields: RecordTypeFields


@dataclass(frozen=True, kw_only=True)
class ChangeType:
    """Take these fields over; the others stay. `match` names the version that its sender has seen."""

    name: str
    match: IfMatch
    changes: Mapping[str, Any]


async def register_type(tx: Tx, order: RegisterType) -> RecordTypeRow:
    """The unique constraint answers a taken name."""
    fields = order.fields
    text = checked(fields.content_schema)
    refuse_blind_creators(fields.access_class, fields.creators)
    row = tx.new(
        RecordTypeRow,
        name=fields.name,
        title=fields.title,
        schema_text=text,
        schema_version=1,
        access_class=fields.access_class,
        creator_roles=_roles(fields.creators),
        reason_required=fields.reason_required,
        key_fields=_json(fields.business_key),
        searched_fields=_json(fields.searchable),
        seen_by=_json(fields.hidden_fields),
        retention_days=fields.retention_days,
    )
    refuse_undeclared(row.content_schema, key=row.business_key, searchable=row.searchable, hidden=row.hides)
    row.record(RecordTypeCreated)
    _keep_schema(tx, row)
    return row


async def change_type(tx: Tx, order: ChangeType) -> RecordTypeRow:
    """Nothing is told where nothing changes. A new schema is kept beside the ones before."""
    row = await tx.maybe(RecordTypeRow, name=order.name)
    if row is None:
        raise NotFound("record type", order.name)
    order.match.check(row.version)
    _refuse_fixed(row, order.changes)
    known_schema, before = row.schema_text, _fields(row)
    _take_over(row, order.changes)
    if _fields(row) == before:
        return row
    if row.schema_text != known_schema:
        refuse_incompatible(known_schema, row.schema_text)
        row.schema_version += 1
        _keep_schema(tx, row)
    row.record(RecordTypeUpdated)
    return row


def _refuse_fixed(row: RecordTypeRow, changes: Mapping[str, Any]) -> None:
    if changes.get("name", row.name) != row.name:
        detail = "The name of a record type never changes."
        raise KeyImmutable(detail, errors=[FieldError(pointer="/name", code="field.immutable", detail=detail)])
    if changes.get("access_class", row.access_class) != row.access_class:
        detail = "The access class of a record type never changes."
        error = FieldError(pointer="/access_class", code="field.immutable", detail=detail)
        raise AccessClassFixed(detail, errors=[error])
    for name, what in _FIXED.items():
        if tuple(changes.get(name, getattr(row, name))) != getattr(row, name):
            detail = f"{what} of a record type never changes."
            raise FieldFixed(detail, errors=[FieldError(pointer=f"/{name}", code="field.immutable", detail=detail)])


def _take_over(row: RecordTypeRow, changes: Mapping[str, Any]) -> None:
    for name in _PLAIN:
        if name in changes:
            setattr(row, name, changes[name])
    if "creators" in changes:
        refuse_blind_creators(AccessClass(row.access_class), changes["creators"])
        row.creator_roles = _roles(changes["creators"])
    if "hidden_fields" in changes:
        row.seen_by = _json(changes["hidden_fields"])
    if "content_schema" in changes:
        row.schema_text = checked(changes["content_schema"])
    refuse_undeclared(row.content_schema, key=row.business_key, searchable=row.searchable, hidden=row.hides)


def _fields(row: RecordTypeRow) -> tuple[Any, ...]:
    return row.title, row.reason_required, row.retention_days, row.creators, row.hidden_fields, row.schema_text


def _keep_schema(tx: Tx, row: RecordTypeRow) -> None:
    tx.add(RecordSchemaRow, record_type=row.name, schema_version=row.schema_version, schema_text=row.schema_text)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _roles(roles: Any) -> str:
    """Each once, in one order."""
    return orjson.dumps(sorted({str(role) for role in roles})).decode()
