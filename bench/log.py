"""The judge of what arrived: a plain consumer that shares no code with what it judges."""

from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

TOPICS = ("takt.operations.operation", "takt.operations.audit")


@dataclass(frozen=True)
class Arrived:
    """`ids`: different event ids. `inversions`: records whose version is not the next one of their key."""

    records: int
    ids: int
    inversions: int


async def ends(bootstrap: str) -> dict[TopicPartition, int]:
    """Where each partition ends now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, n) for topic in TOPICS for n in await _partitions(consumer, topic)]
        found: dict[TopicPartition, int] = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    return found


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[int]:
    known = await consumer._client.fetch_all_metadata()
    return sorted(known.partitions_for_topic(topic) or ())


async def read_since(bootstrap: str, before: Mapping[TopicPartition, int]) -> Arrived:
    """Everything from `before` to the present end."""
    upto = await ends(bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    ids: set[bytes] = set()
    versions: dict[tuple[str, bytes], int] = {}
    records = inversions = 0
    try:
        consumer.assign(list(before))
        for place, offset in before.items():
            consumer.seek(place, offset)
        while records < sum(upto[place] - offset for place, offset in before.items()):
            for batch in (await consumer.getmany(timeout_ms=1000, max_records=5000)).values():
                for record in batch:
                    headers = dict(record.headers)
                    ids.add(headers["ce_id"])
                    key, version = (record.topic, record.key), int(headers["ce_sequence"])
                    inversions += version != versions.get(key, 0) + 1
                    versions[key] = version
                    records += 1
    finally:
        await consumer.stop()
    return Arrived(records, len(ids), inversions)
