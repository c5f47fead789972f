"""The tables as they are, read by the server's superuser: no code of the product between."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from tests.faults.harness.ledger import FIRST
from tests.faults.harness.plant import SERVICE, Plant
from tests.faults.harness.processes import Stuck


@asynccontextmanager
async def superuser(plant: Plant) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(plant.database.superuser_url, server_settings={"search_path": SERVICE})
    try:
        yield connection
    finally:
        await connection.close()


async def rows(plant: Plant, query: str, *arguments: Any) -> list[asyncpg.Record]:
    async with superuser(plant) as connection:
        return await connection.fetch(query, *arguments)


async def value(plant: Plant, query: str, *arguments: Any) -> Any:
    async with superuser(plant) as connection:
        return await connection.fetchval(query, *arguments)


async def becomes(plant: Plant, wanted: Any, query: str, *arguments: Any, within_s: float) -> None:
    """Wait until the query answers what is wanted. Raises Stuck."""
    deadline = time.monotonic() + within_s
    async with superuser(plant) as connection:
        while (found := await connection.fetchval(query, *arguments)) != wanted:
            if time.monotonic() > deadline:
                raise Stuck(f"after {within_s:g} s {query!r} answers {found!r}, not {wanted!r}")
            await asyncio.sleep(0.05)


_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@asynccontextmanager
async def lock_waits(plant: Plant) -> AsyncIterator[list[int]]:
    """How many sessions wait for a row that another one holds, looked up every 20 ms."""
    seen: list[int] = []
    looking = asyncio.create_task(_look(plant, seen))
    try:
        yield seen
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking


async def _look(plant: Plant, seen: list[int]) -> None:
    async with superuser(plant) as connection:
        while True:
            seen.append(await connection.fetchval(_WAITING))
            await asyncio.sleep(0.02)


PUBLISHED = "(SELECT count(*) FROM outbox_published)"
PUBLISHING = f"SELECT {PUBLISHED} > 0"
UNPUBLISHED = "SELECT count(*) FROM outbox_pending"


async def drained(plant: Plant, within_s: float = 60.0) -> None:
    """Everything that was committed has been acknowledged by the broker."""
    await becomes(plant, 0, UNPUBLISHED, within_s=within_s)


async def quiet(plant: Plant, within_s: float = 30.0) -> None:
    """Nothing has been marked for half a second: a wrong relay may never finish. Raises Stuck."""
    deadline, last = time.monotonic() + within_s, -1
    async with superuser(plant) as connection:
        while (left := await connection.fetchval(UNPUBLISHED)) not in {0, last}:
            if time.monotonic() > deadline:
                raise Stuck(f"{left} facts are unpublished and it goes on")
            last = left
            await asyncio.sleep(0.5)


async def told(plant: Plant, topic: str) -> set[str]:
    """Ids of the events that the outbox holds for a topic."""
    return {str(row["id"]) for row in await rows(plant, "SELECT id FROM outbox WHERE topic = $1", topic)}


_LISTS = "SELECT key, array_agg(version ORDER BY n) AS versions FROM faults_appended WHERE reader = $1 GROUP BY key"


async def lists(plant: Plant, reader: str = FIRST) -> Mapping[str, list[int]]:
    """What a list-append consumer did, per key, in the order it did it."""
    return {row["key"]: row["versions"] for row in await rows(plant, _LISTS, reader)}
