"""How far a group has read, said to the broker only after the database has committed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError

from plantkit.messaging.metrics import REBALANCES
from plantkit.observability import logs

log = logs.get(__name__)


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]  # the client library has no types
    """Counts assignments, so that a batch knows whether its partitions were ours all the time since it was polled."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._generation = 0
        self._owned: dict[TopicPartition, int] = {}

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        for partition in revoked:
            self._owned.pop(partition, None)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._generation += 1
        self._owned = dict.fromkeys(assigned, self._generation)
        REBALANCES.labels(self._group).inc()
        log.info("consumer.assigned", group=self._group, partitions=len(assigned))

    @property
    def owned(self) -> Mapping[TopicPartition, int]:
        """Partition -> number of the assignment that gave it to us."""
        return self._owned


class Offsets(Protocol):
    """Strategy: how the place after a batch is kept."""

    async def commit(self, records: Sequence[ConsumerRecord], polled_under: Mapping[TopicPartition, int]) -> None: ...


class BrokerOffsets:
    """Commits the place after a batch for the partitions that were ours all along."""

    def __init__(self, client: Callable[[], AIOKafkaConsumer | None], assignment: Assignment, group: str) -> None:
        self._client = client
        self._assignment = assignment
        self._group = group

    async def commit(self, records: Sequence[ConsumerRecord], polled_under: Mapping[TopicPartition, int]) -> None:
        """A commit that fails costs a redelivery, which the inbox drops; it is no reason to stop."""
        places = places_after(records)
        owned = self._assignment.owned
        ours = {tp: offset for tp, offset in places.items() if tp in owned and owned[tp] == polled_under.get(tp)}
        client = self._client()
        if not ours or client is None:
            return
        try:
            await client.commit(ours)
        except (KafkaError, ConsumerStoppedError) as refused:
            log.warning("consumer.commit_failed", group=self._group, error=type(refused).__name__)


def places_after(records: Sequence[ConsumerRecord]) -> dict[TopicPartition, int]:
    """The offset to read next, per partition."""
    last = {(record.topic, record.partition): record.offset for record in records}
    return {TopicPartition(topic, partition): offset + 1 for (topic, partition), offset in last.items()}
