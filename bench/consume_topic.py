"""What is consumed: reports as the relay tells them, on topics of the bench's own, and the table that they end in."""

import os
import sys
from collections.abc import Mapping
from typing import ClassVar, Final

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer

from bench.filling import reports
from plantkit.messaging.provision import ensure_topics
from takt_contracts.catalog import topic_of
from takt_contracts.operations.production import OperationReported


class OfDistinctKeys(OperationReported):
    """Every record has a key of its own."""

    entity: ClassVar[str] = "bench-distinct"


class OfFewKeys(OperationReported):
    """Every key has many versions."""

    entity: ClassVar[str] = "bench-few"


WORKLOADS: Final[Mapping[str, type[OperationReported]]] = {"distinct": OfDistinctKeys, "few": OfFewKeys}
TABLE: Final = "CREATE TABLE bench_applied (subject text NOT NULL, version bigint NOT NULL, good numeric NOT NULL)"
APPLY: Final = """
INSERT INTO bench_applied (subject, version, good) SELECT * FROM unnest($1::text[], $2::bigint[], $3::numeric[])
"""


class Progress:
    """Tells the parent when the first records have come, and when as many as were wanted are dealt with."""

    def __init__(self) -> None:
        self._wanted = self._left = int(os.environ["BENCH_RECORDS"])

    def came(self) -> None:
        if self._left == self._wanted:
            say("begun")

    def done(self, count: int) -> None:
        self._left -= count
        if self._left <= 0:
            say("done")


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


async def make(url: str, bootstrap: str, records: int, keys: int) -> None:
    """The table, and both topics with as many records each."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "operations"})
    await connection.execute(TABLE)
    await connection.close()
    await ensure_topics(bootstrap, {one.topic: topic_of(one.topic, [one]) for one in WORKLOADS.values()})
    await _fill(bootstrap, OfDistinctKeys, records, records)
    await _fill(bootstrap, OfFewKeys, records, keys)


async def _fill(bootstrap: str, kind: type[OperationReported], records: int, keys: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, max_batch_size=262_144, linger_ms=20
    )
    await producer.start()
    sent = []
    for row in reports(records, keys, kind):
        headers = [(name, value.encode()) for name, value in orjson.loads(row["headers"]).items()]
        sent.append(
            await producer.send(row["topic"], row["payload"].encode(), key=row["key"].encode(), headers=headers)
        )
    for one in sent:
        await one
    await producer.stop()


async def empty(url: str, superuser_url: str) -> None:
    """As before the first turn; then a checkpoint, so that none falls into a turn."""
    connection = await asyncpg.connect(url, server_settings={"search_path": "operations"})
    await connection.execute("TRUNCATE bench_applied, inbox, versions_seen, joined_groups, parked")
    await connection.close()
    superuser = await asyncpg.connect(superuser_url)
    await superuser.execute("CHECKPOINT")
    await superuser.close()
