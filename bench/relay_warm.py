"""The turn of a contestant that runs already, warm and connected: the same rows in one transaction, timed from the
answer to their commit until the last is on the topic.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench import debezium
from bench.log import ends
from plantkit.db.writer import OUTBOX_COLUMNS
from plantkit.messaging.wake import channel_of

_WARM_ROWS = 10_000
_LOOK_S = 0.01
_LONGEST_S = 180.0
_COLUMNS = ", ".join(OUTBOX_COLUMNS)


@dataclass(frozen=True)
class Outbox:
    """Where a contestant looks for rows, and what is said once they are committed."""

    tables: str
    insert: str
    bell: str = "SELECT 1"


OURS = Outbox(
    "operations.outbox, operations.outbox_pending",
    f"INSERT INTO operations.outbox ({_COLUMNS}) SELECT {_COLUMNS} FROM operations.bench_rows"
    " ORDER BY slot, aggregatetype, aggregateid, version",
    f"SELECT pg_notify('{channel_of('operations')}', '')",
)
DEBEZIUM = Outbox(debezium.TABLE, debezium.INSERT)


async def prepare(url: str) -> None:
    """Debezium's role and its table."""
    connection = await asyncpg.connect(url)
    await connection.execute(debezium.MAKE_ROLE)
    await connection.execute(debezium.MAKE)
    await connection.close()


async def warm_up(outbox: Outbox, url: str, bootstrap: str) -> None:
    await told_after_s(outbox, url, bootstrap, _WARM_ROWS)


async def told_after_s(outbox: Outbox, url: str, bootstrap: str, rows: int) -> float:
    """Seconds from the commit of so many rows of the backlog to the last of them on the topic."""
    before = await ends(bootstrap)
    connection = await asyncpg.connect(url)
    await connection.execute(f"TRUNCATE {outbox.tables}")
    await connection.execute(f"{outbox.insert} LIMIT {rows}")
    started = time.perf_counter()
    await connection.execute(outbox.bell)
    await connection.close()
    await _until_told(bootstrap, before, rows)
    return time.perf_counter() - started


async def _until_told(bootstrap: str, before: Mapping[TopicPartition, int], rows: int) -> None:
    looking = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await looking.start()
    try:
        async with asyncio.timeout(_LONGEST_S):
            while sum((await looking.end_offsets(list(before))).values()) < sum(before.values()) + rows:
                await asyncio.sleep(_LOOK_S)
    finally:
        await looking.stop()
