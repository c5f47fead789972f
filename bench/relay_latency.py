"""Commit -> on the topic at a steady rate: single commits, each timed until a raw consumer has its record.

One process commits and reads, for every contestant alike, so both ends of a latency are on one clock.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer

from bench.debezium import HEADERS, TABLE
from bench.log import ends
from plantkit.db.writer import OUTBOX_COLUMNS
from plantkit.ids import new_id
from plantkit.messaging.wake import Announcer, Wake, channel_of

_LATEST_S = 60.0
_BEYOND = 1_000_000  # versions of these events lie above those of the backlog
_COLUMNS = ", ".join(OUTBOX_COLUMNS)
_PLACES = ", ".join(f"${number}" for number in range(1, len(OUTBOX_COLUMNS) + 1))
_OURS = f"INSERT INTO outbox ({_COLUMNS}) VALUES ({_PLACES})"
_THEIR_PLACES = ", ".join(f"${number}" for number in range(1, 7 + len(HEADERS)))
_THEIRS = f"INSERT INTO {TABLE} VALUES ({_THEIR_PLACES})"

Commit = Callable[[asyncpg.Record], Awaitable[str]]
"""Commits one event like this row of the backlog, and answers its id."""


@dataclass(frozen=True)
class Pace:
    rate_per_s: int = 200
    seconds: float = 10.0

    @property
    def events(self) -> int:
        return round(self.rate_per_s * self.seconds)


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Commit]:
    """As the product's runner does: the commit, then the bell that a relay in another process hears."""
    writing, telling = [await asyncpg.connect(url) for _ in range(2)]
    wake = Wake()

    async def tell() -> None:
        await telling.execute("SELECT pg_notify($1, '')", channel_of("operations"))

    async def commit(row: asyncpg.Record) -> str:
        values: dict[str, Any] = dict(row)
        id_ = new_id()
        headers = values["headers"].replace(str(row["id"]), str(id_))
        values |= {"id": id_, "version": row["version"] + _BEYOND, "headers": headers}
        await writing.execute(_OURS, *(values[name] for name in OUTBOX_COLUMNS))
        wake.notify()
        return str(id_)

    announcing = asyncio.create_task(Announcer(wake, tell).run())
    yield commit
    announcing.cancel()
    for connection in (writing, telling):
        await connection.close()


@asynccontextmanager
async def theirs(url: str) -> AsyncIterator[Commit]:
    writing = await asyncpg.connect(url)

    async def commit(row: asyncpg.Record) -> str:
        id_, headers = new_id(), json.loads(row["headers"])
        headers |= {"ce_id": str(id_), "ce_sequence": str(row["version"] + _BEYOND)}
        known = (row["aggregatetype"], row["aggregateid"], row["key"], row["type"], row["payload"])
        await writing.execute(_THEIRS, id_, *known, *(headers[name] for name in HEADERS))
        return str(id_)

    yield commit
    await writing.close()


async def measure(commit: Commit, url: str, bootstrap: str, pace: Pace) -> dict[str, float]:
    """Quantiles in milliseconds. Raises TimeoutError when an event does not come."""
    source = await asyncpg.connect(url, server_settings={"search_path": "operations"})
    rows = await source.fetch(f"SELECT {_COLUMNS} FROM bench_rows ORDER BY version DESC LIMIT $1", pace.events)
    await source.close()
    arrived: dict[str, float] = {}
    async with _reader(bootstrap) as reader, asyncio.timeout(pace.seconds + _LATEST_S), asyncio.TaskGroup() as both:
        both.create_task(_read(reader, arrived, pace.events))
        committed = await _write(commit, rows, pace)
    return _quantiles(sorted((arrived[id_] - moment) * 1000 for id_, moment in committed.items()))


async def _write(commit: Commit, rows: list[asyncpg.Record], pace: Pace) -> dict[str, float]:
    started, committed = time.perf_counter(), {}
    for place, row in enumerate(rows):
        await asyncio.sleep(max(0.0, started + place / pace.rate_per_s - time.perf_counter()))
        committed[await commit(row)] = time.perf_counter()
    return committed


async def _read(reader: AIOKafkaConsumer, arrived: dict[str, float], count: int) -> None:
    while len(arrived) < count:
        batches = await reader.getmany(timeout_ms=1000)
        now = time.perf_counter()
        for batch in batches.values():
            arrived |= {dict(record.headers)["ce_id"].decode(): now for record in batch}


@asynccontextmanager
async def _reader(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """At the present end of every partition."""
    last = await ends(bootstrap)
    reader = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await reader.start()
    try:
        reader.assign(list(last))
        for place, offset in last.items():
            reader.seek(place, offset)
        yield reader
    finally:
        await reader.stop()


def _quantiles(ordered: list[float]) -> dict[str, float]:
    return {"p50": ordered[len(ordered) // 2], "p99": ordered[int(len(ordered) * 0.99)], "max": ordered[-1]}
