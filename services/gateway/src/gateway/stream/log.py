"""Reading the log by position: assigned partitions, no consumer group, nothing committed."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from gateway.stream.positions import Offsets
from gateway.stream.records import LogRecord
from plantkit.messaging.broker import start_client

FETCH_WAIT_MS = 200
BATCH = 500


class LogReader:
    """A consumer of whole topics from given offsets on. `next` is where it stands: the given offsets, moved along."""

    def __init__(self, consumer: AIOKafkaConsumer, offsets: Offsets) -> None:
        self._consumer = consumer
        self.next = offsets

    async def batch(self) -> list[LogRecord]:
        """Records that came within the fetch wait, perhaps none, in time order across partitions."""
        got = await self._consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=BATCH)
        records = sorted((record for batch in got.values() for record in batch), key=lambda record: record.timestamp)
        return [LogRecord(one.topic, one.partition, one.offset, one.headers, one.value) for one in records]

    def passed(self, record: LogRecord) -> None:
        """Stand behind this record."""
        self.next[record.topic][record.partition] = record.offset + 1

    async def reaches(self, goal: Mapping[str, Sequence[int]]) -> bool:
        """Whether nothing is left before `goal`; places where compaction left a hole count as read."""
        for name, places in goal.items():
            for partition, wanted in enumerate(places):
                if self.next[name][partition] < wanted:
                    self.next[name][partition] = await self._consumer.position(TopicPartition(name, partition))
                    if self.next[name][partition] < wanted:
                        return False
        return True


class Log:
    """Opens readers on one broker for a fixed set of topics."""

    def __init__(self, bootstrap: str, topics: Mapping[str, int]) -> None:
        self._bootstrap, self.topics = bootstrap, dict(topics)

    @asynccontextmanager
    async def reader(self, offsets: Offsets | None = None) -> AsyncIterator[LogReader]:
        """A reader from `offsets` on, or from the end. Raises KafkaError when the broker is away."""
        async with self._consumer() as consumer:
            consumer.assign(
                [TopicPartition(name, number) for name, count in self.topics.items() for number in range(count)]
            )
            start = await self._ends(consumer) if offsets is None else offsets
            for name, places in start.items():
                for partition, offset in enumerate(places):
                    consumer.seek(TopicPartition(name, partition), offset)
            yield LogReader(consumer, start)

    async def bounds(self) -> tuple[Offsets, Offsets]:
        """First and next offset of every partition."""
        async with self._consumer() as consumer:
            return await self._begins(consumer), await self._ends(consumer)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False, auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS, request_timeout_ms=10_000, retry_backoff_ms=200,
        )  # fmt: skip
        try:
            await start_client(consumer)
            yield consumer
        finally:
            await consumer.stop()

    async def _ends(self, consumer: AIOKafkaConsumer) -> Offsets:
        return self._by_topic(await consumer.end_offsets(self._partitions()))

    async def _begins(self, consumer: AIOKafkaConsumer) -> Offsets:
        return self._by_topic(await consumer.beginning_offsets(self._partitions()))

    def _partitions(self) -> list[TopicPartition]:
        return [TopicPartition(name, number) for name, count in self.topics.items() for number in range(count)]

    def _by_topic(self, offsets: Mapping[TopicPartition, int]) -> Offsets:
        return {name: [offsets[TopicPartition(name, n)] for n in range(count)] for name, count in self.topics.items()}


BROKER_TROUBLE = (KafkaError, OSError, asyncio.TimeoutError)
