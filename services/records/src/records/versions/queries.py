"""Reads of records: filtered by rights in SQL where there are many, judged one by one where there is one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import ARRAY, BigInteger, Text, Uuid, and_, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB

from plantkit.auth.principal import Principal
from plantkit.context import Context
from plantkit.db.engine import Database, compile_statement
from plantkit.db.row import columns_of
from plantkit.errors import NotFound
from plantkit.http.filters import ListQuery
from plantkit.http.listing import Listing, PageInfo
from records.access import hidden_from, readable
from records.kinds import RecordTypeRow
from records.listed import Listed
from records.versions.model import RecordRow, VersionRow, seen
from takt_contracts.records.record_types import AccessClass
from takt_contracts.records.records import RecordSummary

_SEEN = and_(
    RecordRow.access_class == func.any(bindparam("classes", type_=ARRAY(Text))), RecordRow.deleted_at.is_(None)
)
_NARROWED: Final = {
    "about": RecordRow.refers_to.op("@>")(bindparam("about", type_=JSONB)),
    "searched": RecordRow.searched.op("@>")(bindparam("searched", type_=JSONB)),
}
LISTING: Final = Listing(
    Listed("records", RecordSummary, ("id",)), RecordRow, parts={"about": ("refers_to",)}, only=_SEEN
)
_LISTINGS: Final[Mapping[tuple[str, ...], Listing]] = {
    names: replace(LISTING, only=and_(_SEEN, *(_NARROWED[name] for name in names)))
    for names in ((), ("about",), ("searched",), ("about", "searched"))
}
"""By what narrows a list beside rights and filters."""
_RECORDS = select(*(getattr(RecordRow, name) for name in columns_of(RecordRow)), RecordTypeRow.seen_by).join(
    RecordTypeRow, RecordTypeRow.name == RecordRow.record_type
)
_RECORD = compile_statement(_RECORDS.where(RecordRow.id == bindparam("id")))
_TYPE = compile_statement(
    select(*(getattr(RecordTypeRow, name) for name in columns_of(RecordTypeRow))).where(
        RecordTypeRow.name == bindparam("name")
    )
)
_HOLDER = compile_statement(
    select(RecordRow.id).where(
        RecordRow.record_type == bindparam("record_type"), RecordRow.business_key == bindparam("business_key")
    )
)
_VERSION_COLUMNS = [getattr(VersionRow, name) for name in columns_of(VersionRow)]
_OF_RECORD = select(*_VERSION_COLUMNS).where(VersionRow.record_id == bindparam("id"))
_VERSION = compile_statement(_OF_RECORD.where(VersionRow.version == bindparam("version", type_=BigInteger)))
_HISTORY = compile_statement(
    _OF_RECORD.where(VersionRow.version < bindparam("before", type_=BigInteger))
    .order_by(VersionRow.version.desc())
    .limit(bindparam("limit"))
)
_HEALTH_AMONG = compile_statement(
    select(RecordRow.id).where(
        RecordRow.id == func.any(bindparam("ids", type_=ARRAY(Uuid))),
        RecordRow.access_class == bindparam("health", AccessClass.HEALTH.value),
    )
)


async def record(context: Context, key: str, principal: Principal) -> RecordRow:
    """A record that this caller may read, deleted or not, without what is hidden from them. Raises NotFound."""
    found = await context.db.fetch(_RECORD, id=id_of(key))
    return seen(_read(found[0], principal) if found else None, key, principal)


def _read(found: asyncpg.Record, principal: Principal) -> RecordRow:
    values = dict(found)
    seen_by = orjson.loads(values.pop("seen_by"))
    return RecordRow(**values).hide(hidden_from(principal, seen_by))


async def kind(context: Context, name: str) -> RecordTypeRow:
    """Raises NotFound."""
    found = await context.db.fetch(_TYPE, name=name)
    if not found:
        raise NotFound("record type", name[:80])
    return RecordTypeRow(**found[0])


async def holder(context: Context, record_type: str, business_key: str) -> UUID | None:
    """Which record has a business key; None when it was deleted meanwhile."""
    found = await context.db.fetch(_HOLDER, record_type=record_type, business_key=business_key)
    return found[0]["id"] if found else None


def id_of(key: str) -> UUID:
    """What could never be an id raises NotFound like any other that nobody has."""
    try:
        return UUID(key)
    except ValueError:
        raise NotFound("record", key[:80]) from None


async def page(
    context: Context, query: ListQuery, principal: Principal, about: str | None, searched: Mapping[str, Any]
) -> tuple[list[Any], PageInfo]:
    """The records that this caller may read; what is hidden is in no page and in no total."""
    asked = {"about": about and [about], "searched": searched}
    bound = {name: orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode() for name, value in asked.items() if value}
    return await _LISTINGS[tuple(bound)].read(context, query, classes=readable(principal), **bound)


async def health_among(db: Database, ids: Sequence[UUID]) -> list[str]:
    return [str(row["id"]) for row in await db.fetch(_HEALTH_AMONG, ids=list(ids))]


async def versions(db: Database, record: RecordRow, *, before: int, limit: int) -> list[VersionRow]:
    """Newest first, below `before`: versions that come meanwhile move nothing."""
    found = await db.fetch(_HISTORY, id=record.id, before=before, limit=limit)
    return [VersionRow(**row).hide(record.hides) for row in found]


async def version(db: Database, record: RecordRow, number: int) -> VersionRow | None:
    found = await db.fetch(_VERSION, id=record.id, version=number)
    return VersionRow(**found[0]).hide(record.hides) if found else None
