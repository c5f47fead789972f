"""What is really there: rows by SQL, events by a plain consumer that shares nothing with the services."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from takt.errors import StackError

_QUIET_LIMIT_S = 30
_BOOKKEEPING = ("alembic_version", "relay_slots", "relay_members", "joined_groups")  # who runs, not what happened
_TABLES = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND n.nspname = ANY($1::text[]) AND c.relname <> ALL($2::text[])
ORDER BY n.nspname, c.relname
"""


@dataclass(frozen=True)
class TopicCount:
    """`events` were read one by one; `offsets` are first and end of each partition that holds any."""

    events: int
    offsets: Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class Landed:
    rows: Mapping[str, int]
    topics: Mapping[str, TopicCount]


async def look(database_url: str, bootstrap: str, schemas: tuple[str, ...]) -> Landed:
    """Wait until every outbox is told, to its last row, then count."""
    connection = await asyncpg.connect(database_url)
    try:
        await _until_published(connection, schemas)
        rows = await _rows(connection, schemas)
    finally:
        await connection.close()
    return Landed(rows, await _topics(bootstrap))


async def _until_published(connection: asyncpg.Connection, schemas: tuple[str, ...]) -> None:
    ends_at = time.monotonic() + _QUIET_LIMIT_S
    # The names are our own schemas, and, below, what the catalogue says.
    waiting = " + ".join(f"(SELECT count(*) FROM {name}.outbox_pending)" for name in schemas)  # noqa: S608 - schemas of our own
    while left := await connection.fetchval(f"SELECT {waiting}"):
        if time.monotonic() > ends_at:
            raise StackError(f"{left} events were not published within {_QUIET_LIMIT_S} s: see the services' logs.")
        await asyncio.sleep(0.1)


async def _rows(connection: asyncpg.Connection, schemas: tuple[str, ...]) -> dict[str, int]:
    tables = await connection.fetch(_TABLES, list(schemas), list(_BOOKKEEPING))
    names = [f'{table["schema"]}."{table["name"]}"' for table in tables]
    counts = {name: await connection.fetchval(f"SELECT count(*) FROM {name}") for name in names}  # noqa: S608 - tables of our own
    return {name.replace('"', ""): count for name, count in counts.items() if count}


async def _topics(bootstrap: str) -> dict[str, TopicCount]:
    partitions = await _partitions(bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="none")
    try:
        await consumer.start()
        return await _count(consumer, partitions)
    finally:
        await consumer.stop()


async def _partitions(bootstrap: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        found = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
    finally:
        await admin.close()
    names = sorted(name for name in found if name.startswith("takt."))
    return [TopicPartition(name, number) for name in names for number in sorted(p["partition"] for p in found[name])]


async def _count(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[str, TopicCount]:
    first, end = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    filled = [partition for partition in partitions if end[partition] > first[partition]]
    read = dict.fromkeys(filled, 0)
    consumer.assign(filled)
    for partition in filled:
        consumer.seek(partition, first[partition])
    left = set(filled)
    while left:
        for partition, records in (await consumer.getmany(*left, timeout_ms=1000)).items():
            read[partition] += len(records)
        left = {partition for partition in left if await consumer.position(partition) < end[partition]}
    return {topic: _of_topic(topic, read, first, end) for topic in sorted({partition.topic for partition in filled})}


def _of_topic(
    topic: str,
    read: Mapping[TopicPartition, int],
    first: Mapping[TopicPartition, int],
    end: Mapping[TopicPartition, int],
) -> TopicCount:
    mine = [partition for partition in read if partition.topic == topic]
    offsets = {partition.partition: (first[partition], end[partition]) for partition in mine}
    return TopicCount(sum(read[partition] for partition in mine), offsets)
