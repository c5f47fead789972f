"""Reads of records: filtered by rights in SQL where there are many, judged one by one where there is one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

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
from records.access import readable
from records.listed import Listed
from records.versions.model import RecordRow, VersionRow, seen
from takt_contracts.records.record_types import AccessClass
from takt_contracts.records.records import RecordSummary

_SEEN = and_(
    RecordRow.access_class == func.any(bindparam("classes", type_=ARRAY(Text))), RecordRow.deleted_at.is_(None)
)
_ABOUT = RecordRow.refers_to.op("@>")(bindparam("about", type_=JSONB))
LISTING: Final = Listing(
    Listed("records", RecordSummary, ("id",)), RecordRow, parts={"about": ("refers_to",)}, only=_SEEN
)
LISTING_ABOUT: Final = replace(LISTING, only=and_(_SEEN, _ABOUT))
_RECORD = compile_statement(
    select(*(getattr(RecordRow, name) for name in columns_of(RecordRow))).where(RecordRow.id == bindparam("id"))
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
    """A record that this caller may read, deleted or not. Raises NotFound."""
    found = await context.db.fetch(_RECORD, id=id_of(key))
    return seen(RecordRow(**found[0]) if found else None, key, principal)


def id_of(key: str) -> UUID:
    """What could never be an id raises NotFound like any other that nobody has."""
    try:
        return UUID(key)
    except ValueError:
        raise NotFound("record", key[:80]) from None


async def page(
    context: Context, query: ListQuery, principal: Principal, about: str | None
) -> tuple[list[Any], PageInfo]:
    """The records that this caller may read; what is hidden is in no page and in no total."""
    bound: dict[str, Any] = {"classes": readable(principal)}
    if about is None:
        return await LISTING.read(context, query, **bound)
    return await LISTING_ABOUT.read(context, query, **bound, about=orjson.dumps([about]).decode())


async def health_among(db: Database, ids: Sequence[UUID]) -> list[str]:
    return [str(row["id"]) for row in await db.fetch(_HEALTH_AMONG, ids=list(ids))]


async def versions(db: Database, id_: UUID, *, before: int, limit: int) -> list[VersionRow]:
    """Newest first, below `before`: versions that come meanwhile move nothing."""
    return [VersionRow(**row) for row in await db.fetch(_HISTORY, id=id_, before=before, limit=limit)]


async def version(db: Database, id_: UUID, number: int) -> VersionRow | None:
    found = await db.fetch(_VERSION, id=id_, version=number)
    return VersionRow(**found[0]) if found else None
