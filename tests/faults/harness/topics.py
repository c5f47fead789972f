"""The log as it is: raw records, read with `assign` from the first offset, by no consumer of the product."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.faults.checkers.order import Record

PARTITIONS = 6
Raw = tuple[str, bytes, bytes, list[tuple[str, bytes]]]
"""Topic, key, value, headers."""


@asynccontextmanager
async def made(bootstrap: str, topic: str) -> AsyncIterator[str]:
    """A topic of one run's own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
        yield topic
        await admin.delete_topics([topic])
    finally:
        await admin.close()


async def ends(bootstrap: str, topics: Collection[str]) -> dict[TopicPartition, int]:
    """Where the log ends now."""
    async with onlooker(bootstrap) as reader:
        return await _ends(reader, topics)


async def read(bootstrap: str, topics: Collection[str], since: Mapping[TopicPartition, int]) -> list[ConsumerRecord]:
    """Every record from `since` (missing: from the beginning) to the present end, in the order of its partition."""
    async with onlooker(bootstrap) as reader:
        last = await _ends(reader, topics)
        reader.assign(list(last))
        for partition in last:
            reader.seek(partition, since.get(partition, 0))
        found: list[ConsumerRecord] = []
        while any([await reader.position(partition) < end for partition, end in last.items()]):
            for records in (await reader.getmany(timeout_ms=500)).values():
                found.extend(records)
    return found


async def send(bootstrap: str, records: Iterable[Raw]) -> None:
    """Raw records, in this order."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        futures = [
            await producer.send(topic, key=key, value=value, headers=headers) for topic, key, value, headers in records
        ]
        for future in futures:
            await future
    finally:
        await producer.stop()


def as_record(raw: ConsumerRecord) -> Record:
    """What order is judged by: the key, and what the headers say."""
    headers = headers_of(raw)
    return Record(raw.key.decode(), int(headers["ce_sequence"]), headers["ce_id"], raw.partition)


def headers_of(raw: ConsumerRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in raw.headers}


@asynccontextmanager
async def onlooker(bootstrap: str, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    """A client that reads; of a group it sees the offsets, and is no member."""
    reader = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False, fetch_max_wait_ms=100
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()


async def _ends(reader: AIOKafkaConsumer, topics: Collection[str]) -> dict[TopicPartition, int]:
    known = await reader._client.fetch_all_metadata()  # the public call knows subscribed topics only
    partitions = [TopicPartition(name, number) for name in topics for number in known.partitions_for_topic(name) or ()]
    found: dict[TopicPartition, int] = await reader.end_offsets(partitions)
    return found
