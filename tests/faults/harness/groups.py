"""Consumer groups as the broker knows them: where they stand, how far behind they are, and sending one back."""

from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.faults.harness import topics


async def places(bootstrap: str, *names: str) -> dict[str, dict[TopicPartition, int]]:
    """Committed offset per partition of these groups; of all where none is named."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        chosen = names or [name for name, _ in await admin.list_consumer_groups()]
        found = {name: await admin.list_consumer_group_offsets(name) for name in chosen}
    finally:
        await admin.close()
    return {name: {partition: one.offset for partition, one in offsets.items()} for name, offsets in found.items()}


async def lag(bootstrap: str) -> int:
    """Records that were there when this began and that some group of the broker has not committed when it ends.

    Services tell of themselves all the time: on a slow machine something is always new by the time one has looked.
    """
    last = await topics.ends(bootstrap, await _read(bootstrap))
    return sum(_behind(offsets, last) for offsets in (await places(bootstrap)).values())


async def _read(bootstrap: str) -> set[str]:
    """Topics that some group has read."""
    return {partition.topic for offsets in (await places(bootstrap)).values() for partition in offsets}


def _behind(offsets: Mapping[TopicPartition, int], last: Mapping[TopicPartition, int]) -> int:
    return sum(max(0, last.get(partition, 0) - offset) for partition, offset in offsets.items())


async def rewind(bootstrap: str, group: str) -> int:
    """Send a group without members back to the beginning; 0 partitions while it has members still."""
    [offsets] = (await places(bootstrap, group)).values()
    async with topics.onlooker(bootstrap, group) as client:
        client.assign(list(offsets))
        try:
            await client.commit(dict.fromkeys(offsets, 0))
        except KafkaError:
            return 0
    return len(offsets)
