"""What keeps the machinery's tables in shape and their numbers on the dashboard."""

import asyncio
import time

from plantkit.db.engine import FAILED, Database
from plantkit.errors import DomainError
from plantkit.messaging.inbox import forget_old
from plantkit.messaging.metrics import OUTBOX_BLOCKED, OUTBOX_OLDEST_AGE, OUTBOX_PENDING
from plantkit.observability import logs

_TROUBLE = (*FAILED, DomainError)
_EVERY_S = 5.0
_TIDY_EVERY_S = 3600.0
log = logs.get(__name__)

# What is held back is counted by itself: beside the rest, a backlog would be sorted for it every time.
_MEASURE = """
SELECT count(*) AS pending,
       coalesce(extract(epoch FROM clock_timestamp() - min(recorded_at)), 0)::float8 AS oldest_s,
       (SELECT count(*) FROM (
           SELECT DISTINCT aggregatetype, aggregateid FROM outbox_pending WHERE blocked IS NOT NULL
       ) AS held) AS blocked
FROM outbox_pending
"""
_FORGET_ANSWERS = "DELETE FROM idempotency WHERE created_at < clock_timestamp() - make_interval(hours => $1)"


async def measure_outbox(db: Database, service: str) -> None:
    """How much waits for the broker, since when, and what is held back."""
    async with db.connection() as connection:
        row = await connection.fetchrow(_MEASURE)
    assert row is not None
    OUTBOX_PENDING.labels(service).set(row["pending"])
    OUTBOX_OLDEST_AGE.labels(service).set(row["oldest_s"])
    OUTBOX_BLOCKED.labels(service).set(row["blocked"])


async def tidy(db: Database) -> None:
    """Make next months' partitions; forget event ids and stored answers whose time is over."""
    async with db.connection() as connection:
        await connection.execute("SELECT ensure_outbox_partitions()")
        await forget_old(connection)
        await connection.execute(_FORGET_ANSWERS, db.settings.idempotency_keep_h)


async def keep_up(db: Database, service: str) -> None:
    """Runs until cancelled."""
    tidied_at = -_TIDY_EVERY_S
    while True:
        try:
            await measure_outbox(db, service)
            if time.monotonic() - tidied_at > _TIDY_EVERY_S:
                await tidy(db)
                tidied_at = time.monotonic()
        except _TROUBLE as trouble:
            log.warning("upkeep.waiting", service=service, error=type(trouble).__name__)
        await asyncio.sleep(_EVERY_S)
