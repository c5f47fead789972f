"""Reads of uploads."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Text, any_, bindparam, cast, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.uploads.model import Upload
from plantkit.db.engine import Database, compile_statement
from takt_contracts.imports.jobs import Import, ImportState

_ONE = compile_statement(select(Upload.__table__).where(Upload.id == bindparam("id")))
_SENT = compile_statement(
    select(func.count().label("files"), func.coalesce(func.sum(Upload.bytes), 0).label("bytes")).where(
        Upload.uploaded_by == bindparam("user"), Upload.uploaded_at > bindparam("since")
    )
)
_KNOWN = compile_statement(select(Upload.dataref).where(Upload.dataref == any_(cast(bindparam("keys"), ARRAY(Text)))))


async def as_import(db: Database, id_: UUID) -> Import | None:
    """The import that an upload is going to be, as it was when it arrived."""
    found = await db.fetch(_ONE, id=id_)
    return Import.model_validate({**found[0], "state": ImportState.UPLOADED}) if found else None


async def sent_since(db: Database, user: str, since: datetime) -> tuple[int, int]:
    """How many files and bytes a user sent."""
    [found] = await db.fetch(_SENT, user=user, since=since)
    return int(found["files"]), int(found["bytes"])


async def known_keys(db: Database, keys: Sequence[str]) -> set[str]:
    """Which of these objects have a row."""
    return {row["dataref"] for row in await db.fetch(_KNOWN, keys=list(keys))}
