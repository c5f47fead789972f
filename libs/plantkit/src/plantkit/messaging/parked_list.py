"""Reads of the parked table: pages, one record, what ids are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from plantkit.db.engine import Database
from plantkit.errors import NotFound
from plantkit.messaging.parked_views import (
    WAITING,
    ParkedFilter,
    ParkedLine,
    ParkedRecord,
    ParkedState,
    line_of,
    record_of,
)

_LINE = """
id, group_name, topic, "partition", offset_, key, octet_length(value) AS value_bytes, reason_code, reason, state,
attempts, next_attempt_at, first_failed_at, parked_at
"""
_LIST = f"""
SELECT {_LINE} FROM parked
WHERE state = ANY($1::text[]) AND ($2::uuid IS NULL OR id > $2)
  AND ($3::text IS NULL OR group_name = $3) AND ($4::text IS NULL OR topic = $4)
  AND ($5::bytea IS NULL OR key = $5) AND ($6::text IS NULL OR reason_code = $6)
ORDER BY id LIMIT $7
"""  # noqa: S608 - names of ours
_ONE = f"SELECT {_LINE}, value, headers FROM parked WHERE id = $1"  # noqa: S608 - names of ours


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which lines, and where their page begins. Ids grow with the time at which a record was put aside."""

    filter: ParkedFilter
    states: Sequence[ParkedState] = WAITING
    after: UUID | None = None
    limit: int = 100


async def lines(db: Database, asked: Asked) -> list[ParkedLine]:
    """Oldest first."""
    by = asked.filter
    given = (list(asked.states), asked.after, by.group, by.topic, by.key_bytes, by.reason_code, asked.limit)
    async with db.connection() as connection:
        rows = await connection.fetch(_LIST, *given)
    return [line_of(db.settings.service, row) for row in rows]


async def one(db: Database, id_: UUID) -> ParkedRecord:
    """Whatever its state. Raises NotFound."""
    async with db.connection() as connection:
        row: asyncpg.Record | None = await connection.fetchrow(_ONE, id_)
    if row is None:
        raise NotFound("parked record", id_)
    return record_of(db.settings.service, row)
