"""Make a read model again from the log, in one transaction: readers see the old one until the new one is complete.

Where the log has lost something, its owner's archive is read first: the archive has all that was ever told, the log
what came from elsewhere too.

The lock comes first: members of the group wait for it with their batch in hand, so nothing of theirs is under way when
the ends of the log are noted. Everything up to there passes through the consumer's own handler and guards. What is told
meanwhile is read by the members afterwards, and the tables refuse what they are given a second time.
"""

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from plantkit import crash
from plantkit.context import Context
from plantkit.db.tx import Tx
from plantkit.messaging.broker import commit_client, start_client
from plantkit.messaging.connections import unhurried
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.parking import record_of
from plantkit.messaging.pipeline import is_trouble
from plantkit.messaging.provision import Places, partitions_of, places_of
from plantkit.messaging.read_models import ReadModel, content_hash, empty
from plantkit.messaging.records import Delivery, Poison
from plantkit.messaging.subscription import Subscription
from plantkit.settings import ServiceSettings

_LOCK_WAIT_S = 60
_FETCH_MS = 500


class RebuildRefused(Exception):
    """The model stays as it is. The text is one sentence that says why."""


class Archives(Protocol):
    """Where the owners' archives are read."""

    def events(self, topic: str) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """All events of a topic in order per subject, as records. Raises ArchiveRefused and what httpx raises."""


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What was read, and the content before and after.

    `short`: why topics were read from their owners. `stuck`: partitions whose lost place could not be set.
    """

    model: str
    before: str
    after: str
    records: int
    unreadable: int
    seconds: float
    stuck: int = 0
    short: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Log:
    """The consumer's topics as they were when the lock was ours. `lost` are places that the group cannot go on from.

    `beheaded`: topics whose beginning is gone, in words.
    """

    client: AIOKafkaConsumer
    ends: Mapping[TopicPartition, int]
    lost: Sequence[TopicPartition]
    beheaded: Mapping[str, str]


async def rebuild(context: Context, consumer: Consumer, archives: Archives | None = None) -> Rebuilt:
    """Raises RebuildRefused, and what broker, database or owners raise; then nothing has changed."""
    model = consumer.model
    assert model is not None, f"{consumer.group} feeds no read model"
    started, made = time.monotonic(), _Rebuild(Subscription(context, consumer), model)
    async with unhurried(context.settings, lock_timeout=f"{_LOCK_WAIT_S}s") as connection:
        async with made.subscription.effect.transaction(connection, f"BEGIN; {model.alone}") as tx:
            async with _whole_log(context.settings, consumer) as log:
                short = {**log.beheaded, **await _robbed(connection, model, log)}
                if short and archives is None:
                    raise RebuildRefused(" ".join(short.values()))
                before = await content_hash(connection, model)
                await made.forget(connection)
                if archives is not None:
                    await made.read_archives(tx, archives, short)
                await made.read_log(tx, log)
                await _forget_places(connection, consumer.group, log.lost)
            after = await content_hash(connection, model)
            crash.point("rebuild.before_commit")
        stuck = await _set_places(connection, context.settings, consumer.group, log)
    counts = {"records": made.records, "unreadable": made.unreadable, "stuck": stuck}
    seconds = time.monotonic() - started
    return Rebuilt(model=model.name, before=before, after=after, seconds=seconds, short=short, **counts)


class _Rebuild:
    """One pass over all there is."""

    def __init__(self, subscription: Subscription, model: ReadModel) -> None:
        self.subscription, self._model = subscription, model
        self.records = self.unreadable = 0

    async def forget(self, connection: asyncpg.Connection) -> None:
        """The model's rows, and what the group has seen."""
        group = self.subscription.group
        await empty(connection, self._model)
        await connection.execute("DELETE FROM inbox WHERE consumer = $1", group)
        await connection.execute("DELETE FROM versions_seen WHERE consumer = $1", group)

    async def read_archives(self, tx: Tx, archives: Archives, topics: Collection[str]) -> None:
        for topic in topics:
            async for records in archives.events(topic):
                await self._apply(tx, records)

    async def read_log(self, tx: Tx, log: _Log) -> None:
        async for records in _batches(log, self.subscription.consumer.batch):
            await self._apply(tx, records)
        await self._settle_parked(tx.connection, self.subscription.group)

    async def _apply(self, tx: Tx, records: Sequence[ConsumerRecord]) -> None:
        read = [self.subscription.reader.read(record) for record in records]
        self.records += len(records)
        self.unreadable += sum(isinstance(one, Poison) for one in read)
        deliveries = [one for one in read if isinstance(one, Delivery)]
        try:
            await self.subscription.effect.handle(tx, deliveries)
        except Exception as error:
            if is_trouble(error):
                raise
            first, last = records[0], records[-1]
            raise RebuildRefused(
                f"An event cannot be applied ({type(error).__name__}: {str(error)[:200]}); it is between"
                f" {first.topic}/{first.partition}/{first.offset} and {last.topic}/{last.partition}/{last.offset}."
            ) from error

    async def _settle_parked(self, connection: asyncpg.Connection, group: str) -> None:
        """What lay aside is in the model now; what nobody can read lies on."""
        rows = await connection.fetch(
            "SELECT * FROM parked WHERE group_name = $1 AND state IN ('retry', 'parked')", group
        )
        told = [row["id"] for row in rows if not isinstance(self.subscription.reader.read(record_of(row)), Poison)]
        settle = "UPDATE parked SET state = 'redriven', next_attempt_at = NULL WHERE id = ANY($1::uuid[])"
        await connection.execute(settle, told)


@asynccontextmanager
async def _whole_log(settings: ServiceSettings, consumer: Consumer) -> AsyncIterator[_Log]:
    """A reader of every record up to the present ends, beside the group and not a member of it."""
    group = commit_client(settings.kafka_bootstrap, consumer.group)
    client = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka_bootstrap.split(","), group_id=None, auto_offset_reset="none"
    )
    try:
        await start_client(group)
        await start_client(client)
        places = await places_of(group, await partitions_of(group, consumer.topics))
        client.assign(list(places.end))
        for partition, first in places.first.items():
            client.seek(partition, first)
        yield _Log(client, places.end, sorted(places.lost), _beheaded(consumer, places))
    finally:
        await client.stop()
        await group.stop()


def _beheaded(consumer: Consumer, places: Places) -> dict[str, str]:
    """A compacted topic has the newest of each subject, which is all that counts; any other must be whole."""
    compacted = {event.topic for event in consumer.events if event.compacted}
    return {
        partition.topic: f"{partition.topic} partition {partition.partition} begins at offset {first}: what was told"
        " before is in its owner's outbox alone."
        for partition, first in sorted(places.first.items(), reverse=True)
        if first > 0 and partition.topic not in compacted
    }


async def _robbed(connection: asyncpg.Connection, model: ReadModel, log: _Log) -> dict[str, str]:
    """Topics of a broker that lost its disk are short or empty; the model knows better."""
    found = {}
    for row in await connection.fetch("SELECT topic, passed FROM read_model_progress WHERE model = $1", model.name):
        held = sum(end for partition, end in log.ends.items() if partition.topic == row["topic"])
        if held < row["passed"]:
            found[row["topic"]] = (
                f"{row['topic']} holds {held} records, and the model has read {row['passed']}: the log has lost some."
            )
    return found


async def _batches(log: _Log, size: int) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """All records before the ends. Where compaction left holes, the client's position says that they are passed."""
    open_ = {partition for partition, end in log.ends.items() if await log.client.position(partition) < end}
    while open_:
        got = await log.client.getmany(*open_, timeout_ms=_FETCH_MS, max_records=size)
        records = [one for tp, batch in got.items() for one in batch if one.offset < log.ends[tp]]
        if records:
            yield records
        open_ = {partition for partition in open_ if await log.client.position(partition) < log.ends[partition]}


async def _forget_places(connection: asyncpg.Connection, group: str, lost: Sequence[TopicPartition]) -> None:
    """A group that lost its place may begin at the beginning again: the model has all of it now."""
    await connection.executemany(
        'DELETE FROM joined_groups WHERE group_name = $1 AND topic = $2 AND "partition" = $3',
        [(group, partition.topic, partition.partition) for partition in lost],
    )


async def _set_places(connection: asyncpg.Connection, settings: ServiceSettings, group: str, log: _Log) -> int:
    """Put a group without members where the model is. With members the broker refuses: answers for how many places."""
    if not log.lost:
        return 0
    client = commit_client(settings.kafka_bootstrap, group)
    try:
        await start_client(client)
        client.assign(log.lost)
        await client.commit({partition: log.ends[partition] for partition in log.lost})
    except KafkaError:
        return len(log.lost)
    finally:
        await client.stop()
    joined = 'INSERT INTO joined_groups (group_name, topic, "partition") VALUES ($1, $2, $3) ON CONFLICT DO NOTHING'
    await connection.executemany(joined, [(group, partition.topic, partition.partition) for partition in log.lost])
    return 0
