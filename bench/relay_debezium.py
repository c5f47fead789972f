"""Debezium's turn: a warm worker, then the same rows in one transaction, timed until the last is on the topic.

Its clock starts when their commit has answered, with everything connected: ours starts with no connection open and
ends with the last row marked, which is later than on the topic. What differs is in its favour.
"""

import asyncio
import time
from collections.abc import Mapping

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.debezium import MAKE, MAKE_ROLE, ROWS, TABLE
from bench.log import ends

WARM_ROWS = 10_000
_LOOK_S = 0.01
_LONGEST_S = 180.0


async def prepare(url: str) -> None:
    """Its role and its table."""
    connection = await asyncpg.connect(url)
    await connection.execute(MAKE_ROLE)
    await connection.execute(MAKE)
    await connection.close()


async def warm_up(url: str, bootstrap: str) -> None:
    await told_after_s(url, bootstrap, WARM_ROWS)


async def told_after_s(url: str, bootstrap: str, rows: int) -> float:
    """Seconds from the commit of so many rows of the backlog to the last of them on the topic."""
    before = await ends(bootstrap)
    connection = await asyncpg.connect(url)
    await connection.execute(f"TRUNCATE {TABLE}")
    await connection.execute(f"INSERT INTO {TABLE} SELECT {ROWS} LIMIT {rows}")
    started = time.perf_counter()
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
