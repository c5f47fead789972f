"""Reads of the last events."""

import orjson
from sqlalchemy import Text, bindparam, cast, select

from gateway.activity.model import RECENT_EVENTS
from plantkit.db.engine import Database, compile_statement

_LAST = compile_statement(
    select(cast(RECENT_EVENTS.c.event, Text).label("event"))
    .order_by(*(RECENT_EVENTS.c[name].desc() for name in ("time", "entity", "subject", "version")))
    .limit(bindparam("limit"))
)


async def last_events(db: Database, limit: int) -> list[orjson.Fragment]:
    """CloudEvents in JSON, newest first."""
    return [orjson.Fragment(row["event"]) for row in await db.fetch(_LAST, limit=limit)]
