"""The parked list of this service, for the gateway to merge. Bytes are base64, as they came."""

import base64
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
import orjson
from fastapi import APIRouter, Query
from pydantic import BaseModel

from plantkit.db.engine import Database
from plantkit.http.route import Routes, allow
from takt_contracts.roles import Role

_LIST = """
SELECT id, group_name, topic, "partition", offset_, key, value, headers, reason_code, reason, state, attempts,
       next_attempt_at, first_failed_at, parked_at
FROM parked WHERE state = ANY($1::text[]) AND ($2::uuid IS NULL OR id > $2) ORDER BY id LIMIT $3
"""


class ParkedRecord(BaseModel):
    """A record that could not be applied, whole."""

    id: UUID
    group: str
    topic: str
    partition: int
    offset: int
    key: str | None
    value: str | None
    headers: list[tuple[str, str | None]]
    reason_code: str
    reason: str
    state: str
    attempts: int
    next_attempt_at: datetime | None
    first_failed_at: datetime
    parked_at: datetime | None


class ParkedPage(BaseModel):
    """Oldest first; `next` is the `after` of the next page."""

    data: list[ParkedRecord]
    next: UUID | None


def parked_routes(db: Database) -> APIRouter:
    """`GET /parked`. Redrive is the gateway's business, which asks the owner."""
    router = Routes(tags=["parked"])

    @router.get("/parked")
    @allow(Role.ADMIN)
    async def parked(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: UUID | None = None,
        state: Annotated[list[str] | None, Query()] = None,
    ) -> ParkedPage:
        """Records that lie aside: in `retry` or `parked` unless asked otherwise."""
        async with db.connection() as connection:
            rows = await connection.fetch(_LIST, state or ["retry", "parked"], after, limit)
        records = [_shown(row) for row in rows]
        return ParkedPage(data=records, next=records[-1].id if len(records) == limit else None)

    return router


def _shown(row: asyncpg.Record) -> ParkedRecord:
    given: dict[str, Any] = dict(row)
    given |= {"group": row["group_name"], "offset": row["offset_"], "headers": orjson.loads(row["headers"])}
    return ParkedRecord.model_validate(given | {"key": _base64(row["key"]), "value": _base64(row["value"])})


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
