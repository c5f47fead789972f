"""What must exist before anything flows: the topics, and the first offset of every group on every partition.

A topic's number of partitions is fixed when it is made: changing it would send a key to another partition and break its
order. A group starts at the beginning, once, and the database remembers that it did. When an offset is gone later, the
consumer stops and says so; starting again anywhere else would skip events in silence.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from plantkit.messaging.broker import commit_client, start_client
from takt_contracts import catalog

_VISIBLE_S = 15.0


class WrongTopic(Exception):
    """A topic exists with another number of partitions than the contracts say."""


class GroupBusy(Exception):
    """Members of the group are active, so the first offset of a new partition cannot be set from outside."""


async def ensure_topics(
    bootstrap: str, wanted: Mapping[str, catalog.Topic] | None = None, *, replication: int = 1, min_insync: int = 1
) -> list[str]:
    """Make what is missing and answer its names. Raises WrongTopic, and KafkaError when the broker is away."""
    wanted = catalog.topics() if wanted is None else wanted
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap.split(","), client_id="takt-provision")
    try:
        await start_client(admin)
        present = await _partitions(admin, wanted)
        missing = [topic for name, topic in wanted.items() if name not in present]
        _refuse_wrong(wanted, present)
        if missing:
            config = {"min.insync.replicas": str(min_insync)}
            await _create(admin, [_new(topic, replication, config) for topic in missing])
            await _until_visible(admin, missing)
    finally:
        await admin.close()
    return [topic.name for topic in missing]


def _new(topic: catalog.Topic, replication: int, config: Mapping[str, str]) -> NewTopic:
    return NewTopic(topic.name, topic.partitions, replication, topic_configs={**topic.config, **config})


async def _create(admin: AIOKafkaAdminClient, topics: list[NewTopic]) -> None:
    answer = await admin.create_topics(topics)
    for _, code, *_ in answer.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # another replica was faster
            raise error(f"{answer.topic_errors}")


async def _until_visible(admin: AIOKafkaAdminClient, topics: Collection[catalog.Topic]) -> None:
    names = {topic.name for topic in topics}
    async with asyncio.timeout(_VISIBLE_S):
        while len(await _partitions(admin, names)) < len(names):  # noqa: ASYNC110  # only the broker knows
            await asyncio.sleep(0.05)


async def _partitions(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, int]:
    found = await admin.describe_topics()
    known = {topic["topic"]: len(topic["partitions"]) for topic in found if not topic["error_code"]}
    return {name: count for name, count in known.items() if name in names}


def _refuse_wrong(wanted: Mapping[str, catalog.Topic], present: Mapping[str, int]) -> None:
    for name, count in present.items():
        if count != wanted[name].partitions:
            raise WrongTopic(f"Topic {name} has {count} partitions; the contracts say {wanted[name].partitions}.")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a group stands: per partition its committed offset (None: none) and what the log holds."""

    committed: Mapping[TopicPartition, int | None]
    first: Mapping[TopicPartition, int]
    end: Mapping[TopicPartition, int]

    @property
    def lost(self) -> dict[TopicPartition, str]:
        """Partitions that cannot be read on from, and why."""
        found = {}
        for partition, offset in self.committed.items():
            if offset is None:
                found[partition] = "its offset is gone"
            elif not self.first[partition] <= offset <= self.end[partition]:
                span = f"{self.first[partition]}..{self.end[partition]}"
                found[partition] = f"its offset {offset} is outside of what the log holds ({span})"
        return found

    def of(self, owned: Collection[TopicPartition]) -> "Places":
        """Only the given partitions; all of them when none is given, as to a member that nothing was assigned to."""
        committed = {tp: offset for tp, offset in self.committed.items() if tp in owned} or self.committed
        return Places(committed, self.first, self.end)

    @property
    def lag(self) -> int:
        """Records between the committed offsets and the ends."""
        return sum(max(0, self.end[tp] - (offset or self.first[tp])) for tp, offset in self.committed.items())


async def places_of(client: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> Places:
    """Ask the broker. Raises KafkaError."""
    committed = {partition: await client.committed(partition) for partition in partitions}
    return Places(committed, await client.beginning_offsets(partitions), await client.end_offsets(partitions))


async def join_group(
    connection: asyncpg.Connection, bootstrap: str, group: str, topics: Collection[str]
) -> dict[TopicPartition, str]:
    """Give the group its first offsets on partitions it has never read, and answer those whose offsets were lost
    since.

    Committed first, recorded second: a crash between the two commits the beginning once more, before any member
    started. Raises KafkaError, and GroupBusy when a new partition must wait until the members of an older release
    have left.
    """
    client = commit_client(bootstrap, group)
    try:
        await start_client(client)
        partitions = await partitions_of(client, topics)
        known = await joined(connection, group)
        fresh = [partition for partition in partitions if partition not in known]
        await _commit_beginning(client, group, fresh)
        await _record(connection, group, fresh)
        return (await places_of(client, partitions)).lost
    finally:
        await client.stop()


async def records_held(bootstrap: str, topics: Collection[str]) -> dict[str, int]:
    """How many records were ever written to each of the topics that exist. Raises KafkaError."""
    client = AIOKafkaConsumer(bootstrap_servers=bootstrap.split(","), group_id=None, enable_auto_commit=False)
    try:
        await start_client(client)
        known = await client.topics()
        ends = await client.end_offsets(await partitions_of(client, known & set(topics)))
    finally:
        await client.stop()
    held: dict[str, int] = {}
    for partition, end in ends.items():
        held[partition.topic] = held.get(partition.topic, 0) + end
    return held


async def partitions_of(client: AIOKafkaConsumer, topics: Collection[str]) -> list[TopicPartition]:
    cluster = await client._client.fetch_all_metadata()  # the public call knows subscribed topics only
    found = {topic: cluster.partitions_for_topic(topic) or set() for topic in topics}
    for topic, numbers in found.items():
        if not numbers:
            raise KafkaError(f"Topic {topic} does not exist; run `takt up` or create the topics.")
    return [TopicPartition(topic, number) for topic in sorted(found) for number in sorted(found[topic])]


async def joined(connection: asyncpg.Connection, group: str) -> set[TopicPartition]:
    """Partitions on which the group was given its first offset."""
    rows = await connection.fetch('SELECT topic, "partition" FROM joined_groups WHERE group_name = $1', group)
    return {TopicPartition(row["topic"], row["partition"]) for row in rows}


async def _commit_beginning(client: AIOKafkaConsumer, group: str, fresh: Collection[TopicPartition]) -> None:
    if not fresh:
        return
    client.assign(fresh)
    try:
        await client.commit(await client.beginning_offsets(fresh))
    except KafkaError as refused:
        raise GroupBusy(f"{group} has active members: {type(refused).__name__}") from refused


async def _record(connection: asyncpg.Connection, group: str, fresh: Collection[TopicPartition]) -> None:
    await connection.executemany(
        'INSERT INTO joined_groups (group_name, topic, "partition") VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        [(group, partition.topic, partition.partition) for partition in fresh],
    )


def provision(bootstrap: str, replication: int) -> list[str]:
    """As `ensure_topics`, for commands: with three copies or more, two must have a record before it is acknowledged."""
    return asyncio.run(ensure_topics(bootstrap, replication=replication, min_insync=2 if replication >= 3 else 1))
