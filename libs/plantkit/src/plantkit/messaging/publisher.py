"""Sends pages of outbox rows to the broker, in order, and says what became of each row.

One lane a partition: its batches are built by us and handed to the client one at a time, the next when the broker has
acknowledged the one before. So a refused batch is never overtaken by a later one of the same aggregate, whatever the
client does, and there is one future a batch, not one a row. A row that was refused before goes by a client of its own,
which has no numbers to lose: what the broker refuses once more disturbs nobody.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from plantkit import crash
from plantkit.messaging.handed import Handed
from plantkit.messaging.metrics import KAFKA_UP, PRODUCE_ERRORS
from plantkit.messaging.outbox import ROW, Outcome, aggregate_of
from plantkit.messaging.partitions import partition_of
from plantkit.messaging.producing import Connect, SecondClient, let_go

RECORD_LIMIT = 1_000_000  # below the broker's default of 1,048,588 bytes a batch
_SURELY_SMALL = 100_000
_BREATH = 16  # rows (0.2 ms) between two looks at the event loop: requests are served while a backlog drains
_LANES_END_S = 3.0
_LEARN_EVERY_S = 1.0
_PATIENCE_S = 3.0
_LOOK_EVERY_S = 5.0
_STILL_S = 60.0


class Ticket:
    """A page on its way. `outcome` is complete when `settled` is set."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self.settled = asyncio.Event()
        self._open = 1  # the page itself, until all its batches are known

    def expect(self) -> None:
        self._open += 1

    def close(self) -> None:
        self._open -= 1
        if not self._open:
            self.settled.set()


class Publisher(Protocol):
    """Strategy: how a page reaches the broker."""

    async def send(self, rows: Sequence[asyncpg.Record], stopped: set[tuple[str, str]]) -> Ticket:
        """Hand over all but stopped aggregates. One with an unpublishable row is added to `stopped`."""

    async def close(self) -> None: ...


@dataclass(slots=True)
class _Batch:
    builder: Any
    ticket: Ticket
    rows: list[asyncpg.Record] = field(default_factory=list)

    @property
    def was_refused(self) -> bool:
        """Whether its row, which is alone then, could not be published before."""
        return self.rows[0][ROW.blocked] is not None


@dataclass(slots=True)
class _Lane:
    """One partition: a batch that is being filled, batches that wait, and the task that hands them over."""

    topic: str
    partition: int
    filling: _Batch | None = None
    waiting: deque[_Batch] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None


class PublishingFailed(KafkaError):  # type: ignore[misc]  # the client library has no types
    """The client broke in a way of its own."""


class BatchTooLarge(MessageSizeTooLargeError):  # type: ignore[misc] # the client library has no types
    """The broker refuses a batch of several rows: which of them is too large shows when each goes alone."""


class _Unpublishable(Exception):
    """This row can never be sent as it is; the text says why."""


class KafkaPublisher:
    """The publisher of the product. Broken after its first failure: close it and make another."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        service: str,
        second: SecondClient,
        *,
        one_by_one: bool = False,
        look_every_s: float = _LOOK_EVERY_S,
        still_s: float = _STILL_S,
    ) -> None:
        self._producer = producer
        self._service = service
        self._second = second
        self._one_by_one = one_by_one
        self._handed = Handed(still_s)
        self._watching = asyncio.create_task(self._watch(look_every_s))
        self._topics: dict[str, int] = {}
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._learn_again_at = 0.0
        self._failure: Exception | None = None

    @classmethod
    async def open(cls, connect: Connect, service: str, **options: Any) -> "KafkaPublisher":
        """Connect and learn the topics. Raises KafkaError when the broker does not answer."""
        publisher = cls(await connect(idempotent=True), service, SecondClient(connect), **options)
        try:
            await publisher._learn_topics()
        except BaseException:  # nobody else could close it
            await publisher.close()
            raise
        return publisher

    async def send(self, rows: Sequence[asyncpg.Record], stopped: set[tuple[str, str]]) -> Ticket:
        if any(row[ROW.topic] not in self._topics for row in rows) and time.monotonic() > self._learn_again_at:
            await self._learn_topics()
        ticket = Ticket()
        for number, row in enumerate(rows, 1):
            if not stopped or aggregate_of(row) not in stopped:
                self._add(row, ticket, stopped)
            if not number % _BREATH:
                await asyncio.sleep(0)
        for lane in self._lanes.values():
            self._flush(lane)
        ticket.close()
        return ticket

    def _add(self, row: asyncpg.Record, ticket: Ticket, stopped: set[tuple[str, str]]) -> None:
        try:
            self._append(row, ticket)
        except _Unpublishable as why:
            stopped.add(aggregate_of(row))
            ticket.outcome.blocked.append((row, str(why)))
        else:
            if row[ROW.blocked] is not None:
                stopped.add(aggregate_of(row))  # its successors wait for the next walk: it may be refused once more

    def _append(self, row: asyncpg.Record, ticket: Ticket) -> None:
        topic, key = row[ROW.topic], row[ROW.key]
        headers = _headers(row)
        _refuse_oversize(row, headers)
        lane = self._lane(topic, key)
        batch = lane.filling
        if batch is None or not self._fits(batch, row, headers):
            self._flush(lane)
            batch = lane.filling = _Batch(self._producer.create_batch(), ticket)
            batch.builder.append(timestamp=None, key=key, value=row[ROW.payload], headers=headers)
        batch.rows.append(row)

    def _fits(self, batch: _Batch, row: asyncpg.Record, headers: list[tuple[str, bytes]]) -> bool:
        """A row that was refused before goes alone, and so does every row while one is being looked for."""
        if self._one_by_one or row[ROW.blocked] is not None or batch.rows[-1][ROW.blocked] is not None:
            return False
        appended = batch.builder.append(timestamp=None, key=row[ROW.key], value=row[ROW.payload], headers=headers)
        return appended is not None

    def _lane(self, topic: str, key: bytes) -> _Lane:
        count = self._topics.get(topic)
        if count is None:
            raise _Unpublishable(f"topic {topic} does not exist")
        place = (topic, partition_of(key, count))
        return self._lanes.get(place) or self._lanes.setdefault(place, _Lane(*place))

    def _flush(self, lane: _Lane) -> None:
        batch, lane.filling = lane.filling, None
        if batch is None:
            return
        batch.ticket.expect()
        lane.waiting.append(batch)
        if lane.task is None or lane.task.done():
            lane.task = asyncio.create_task(self._drain(lane))

    async def _drain(self, lane: _Lane) -> None:
        while lane.waiting:
            batch = lane.waiting.popleft()
            if self._failure is None:
                await self._deliver(lane, batch)
            if self._failure is not None:
                batch.ticket.outcome.failure = self._failure
            batch.ticket.close()

    async def _deliver(self, lane: _Lane, batch: _Batch) -> None:
        try:
            async with self._handed.one():
                client = await self._second.client() if batch.was_refused else self._producer
                acknowledged = await client.send_batch(batch.builder, lane.topic, partition=lane.partition)
                crash.point("relay.after_send_before_ack")
                with self._patience():
                    await acknowledged
        except (KafkaError, AssertionError, OSError) as refused:  # the client asserts that a partition exists
            PRODUCE_ERRORS.labels(self._service, type(refused).__name__).inc()
            self._note(refused, batch)
        else:
            batch.ticket.outcome.delivered.extend(batch.rows)

    def _note(self, refused: Exception, batch: _Batch) -> None:
        """An idempotent client numbers what it sends: after a refusal the broker misses a number, and takes no more."""
        is_this_row = isinstance(refused, MessageSizeTooLargeError) and len(batch.rows) == 1
        if is_this_row:
            batch.ticket.outcome.blocked.append((batch.rows[0], "larger than the broker accepts"))
        if not (is_this_row and batch.was_refused):
            self._failure = _failure(refused, len(batch.rows))

    @contextmanager
    def _patience(self) -> Iterator[None]:
        """An idempotent client asks an absent broker again for ever; whoever watches is told before that."""
        loop, up = asyncio.get_running_loop(), KAFKA_UP.labels(self._service)
        told = loop.call_later(_PATIENCE_S, up.set, 0)
        try:
            yield
            if told.when() <= loop.time():
                up.set(1)
        finally:
            told.cancel()

    async def _watch(self, every_s: float) -> None:
        """Who has nothing to tell would not notice that the broker is away, nor who waits that it is there."""
        while True:
            await asyncio.sleep(every_s)
            answers = await self._broker_answers()
            KAFKA_UP.labels(self._service).set(answers)
            self._handed.look(answers)

    async def _broker_answers(self) -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._producer.client.fetch_all_metadata()
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    async def _learn_topics(self) -> None:
        known = await self._producer.client.fetch_all_metadata()
        self._topics = {topic: len(known.partitions_for_topic(topic) or ()) for topic in known.topics()}
        self._learn_again_at = time.monotonic() + _LEARN_EVERY_S
        KAFKA_UP.labels(self._service).set(1)

    async def close(self) -> None:
        """Let go of the broker within seconds, whether or not it answers."""
        self._watching.cancel()
        handing = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in handing:
            task.cancel()
        if handing:
            await asyncio.wait(handing, timeout=_LANES_END_S)
        await asyncio.gather(self._second.close(), let_go(self._producer))


def _failure(refused: Exception, rows: int) -> KafkaError:
    if isinstance(refused, MessageSizeTooLargeError) and rows > 1:
        return BatchTooLarge(*refused.args)
    if isinstance(refused, TimeoutError):
        return PublishingFailed("The broker answers, and the client hands nothing over to it.")
    return refused if isinstance(refused, KafkaError) else PublishingFailed(repr(refused))


def _headers(row: asyncpg.Record) -> list[tuple[str, bytes]]:
    try:
        return [(name, value.encode()) for name, value in orjson.loads(row[ROW.headers]).items()]
    except (AttributeError, ValueError):
        raise _Unpublishable("its headers are not a mapping of text to text") from None


def _refuse_oversize(row: asyncpg.Record, headers: list[tuple[str, bytes]]) -> None:
    size = len(row[ROW.payload]) + len(row[ROW.headers])
    if size < _SURELY_SMALL:
        return
    size = len(row[ROW.payload]) + len(row[ROW.key]) + sum(len(name) + len(value) + 4 for name, value in headers)
    if size > RECORD_LIMIT:
        raise _Unpublishable(f"it has {size} bytes; a record may have {RECORD_LIMIT}")
