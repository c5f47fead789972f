"""Everything the broker holds, as a client that knows nothing of Takt reads it."""

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient


async def all_records(bootstrap: str, prefix: str = "takt.") -> list[Any]:
    """Records of every topic with this prefix, from the beginning to where it ends now."""
    partitions = await _partitions(bootstrap, prefix)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return await _to_the_end(consumer, partitions)
    finally:
        await consumer.stop()


async def ends(bootstrap: str, prefix: str = "takt.") -> dict[TopicPartition, int]:
    """Where the topics with this prefix end now."""
    partitions = await _partitions(bootstrap, prefix)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        found: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
        return found
    finally:
        await consumer.stop()


async def _partitions(bootstrap: str, prefix: str) -> list[TopicPartition]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        topics = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
        described = await admin.describe_topics(topics)
    finally:
        await admin.close()
    return [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]


async def _to_the_end(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> list[Any]:
    ends = {partition: end for partition, end in (await consumer.end_offsets(list(partitions))).items() if end}
    if not ends:
        return []
    consumer.assign(list(ends))
    await consumer.seek_to_beginning(*ends)
    found: list[Any] = []
    for partition, end in ends.items():
        while await consumer.position(partition) < end:
            found += (await consumer.getmany(partition, timeout_ms=500)).get(partition, [])
    return found
