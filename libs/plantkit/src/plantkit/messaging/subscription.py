"""One group of this process: its subscriber at the broker and the pipeline behind it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from plantkit.context import Context
from plantkit.messaging.broker import group_options, start_client
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.effect import Effect, TransactionalEffect
from plantkit.messaging.inbox import Filter, Inbox, NoGuard, VersionGuard
from plantkit.messaging.offsets import Assignment, BrokerOffsets, Offsets
from plantkit.messaging.parking import Parking
from plantkit.messaging.parser import decode, parse
from plantkit.messaging.pipeline import Pipeline
from plantkit.messaging.records import Reader
from plantkit.messaging.retries import Retries
from plantkit.settings import ServiceSettings

_FLOOD = 500
"""Records in one batch; at five hundred events a second there are a tenth of that."""
_LONGEST_REST_S = 1.0


def product_options(settings: ServiceSettings) -> dict[str, Any]:
    """Nothing is acknowledged but by `Offsets`."""
    return {"ack_policy": AckPolicy.MANUAL, **group_options(settings)}


def product_effect(effect: TransactionalEffect, offsets: Offsets) -> Effect:
    return effect


@dataclass(frozen=True, kw_only=True)
class ConsumerStrategies:
    """What a consumer is made of. The product has one set; the proofs of the checkers hand in wrong ones."""

    inbox: Callable[[], Filter] = Inbox
    guard: Callable[[], Filter] = VersionGuard
    parking: Callable[[str], Parking] = Parking
    offsets: Callable[[Callable[[], AIOKafkaConsumer | None], Assignment, str], Offsets] = BrokerOffsets
    effect: Callable[[TransactionalEffect, Offsets], Effect] = product_effect
    options: Callable[[ServiceSettings], dict[str, Any]] = product_options


class Subscription:
    """A consumer, wired. `start` and `stop` may be repeated: the watchdog does."""

    def __init__(self, context: Context, consumer: Consumer, strategies: ConsumerStrategies | None = None) -> None:
        consumer.refuse_gaps()
        made = strategies or ConsumerStrategies()
        self.consumer = consumer
        self.group = consumer.group
        self.assignment = Assignment(consumer.group)
        self.parking = made.parking(consumer.group)
        self.reader = Reader(consumer.types, context.settings.consistency_secret.get_secret_value())
        self._context = context
        self._options = made.options
        self._subscriber: Any = None
        guard = NoGuard() if consumer.keeps_version else made.guard()
        self.effect = TransactionalEffect(
            context=context,
            group=consumer.group,
            handler=consumer.handler,
            inbox=NoGuard() if consumer.bears_repetition else made.inbox(),
            guard=guard,
            parking=self.parking,
            model=consumer.model,
        )
        offsets = made.offsets(self._client, self.assignment, self.group)
        self.pipeline = Pipeline(
            context,
            reader=self.reader,
            effect=made.effect(self.effect, offsets),
            parking=self.parking,
            assignment=self.assignment,
            offsets=offsets,
        )
        self.retries = Retries(context=context, reader=self.reader, effect=self.effect, parking=self.parking)

    def register(self, broker: KafkaBroker) -> None:
        """Before the broker starts."""
        subscriber = broker.subscriber(
            *self.consumer.topics,
            group_id=self.group,
            batch=True,
            max_records=self.consumer.batch,
            batch_timeout_ms=20,
            listener=self.assignment,
            parser=parse,
            decoder=decode,
            no_reply=True,
            **self._options(self._context.settings),
        )
        subscriber(self._take)
        self._subscriber = subscriber

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        """In a flood a read model leaves half the time to those who make the facts, and says how far it is behind."""
        began = time.monotonic()
        await self.pipeline.consume(records)
        if self.consumer.model is not None and len(records) >= _FLOOD:
            await asyncio.sleep(min(time.monotonic() - began, _LONGEST_REST_S))

    def _client(self) -> AIOKafkaConsumer | None:
        """The present client; a restart makes another, after a stop and before a start there is none."""
        return None if self._subscriber is None else self._subscriber.consumer

    async def restart(self) -> None:
        """Leave the group and join it again with a fresh client and task."""
        async with self.left():
            pass

    @asynccontextmanager
    async def left(self) -> AsyncIterator[None]:
        """Not a member of the group; at the end it is joined again with a fresh client and task."""
        await self._subscriber.stop()
        try:
            yield
        finally:
            await start_client(self._subscriber)
