"""Consumers of the product that come to a standstill: their process, their task and their heartbeat live on."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from plantkit.db.tx import Tx
from plantkit.messaging.effect import Effect, TransactionalEffect
from plantkit.messaging.offsets import Assignment, BrokerOffsets, Offsets
from plantkit.messaging.records import Delivery
from plantkit.messaging.subscription import ConsumerStrategies
from plantkit.observability import logs

log = logs.get(__name__)


def _hangs_once(effect: TransactionalEffect, offsets: Offsets) -> Effect:
    """The second batch waits for something that never comes."""
    batches = iter(range(1, 1_000_000))

    async def handler(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
        await effect.handler(tx, deliveries)
        if next(batches) == 2:
            log.warning("faults.stuck")
            await asyncio.Event().wait()

    return replace(effect, handler=handler)


class _ReadsNoMore(BrokerOffsets):
    """After its second commit the first client polls and is given nothing any more."""

    def __init__(self, client: Callable[[], AIOKafkaConsumer | None], assignment: Assignment, group: str) -> None:
        super().__init__(client, assignment, group)
        self._now = client
        self._commits = 0

    async def commit(self, records: Sequence[ConsumerRecord], polled_under: Mapping[TopicPartition, int]) -> None:
        await super().commit(records, polled_under)
        self._commits += 1
        client = self._now()
        if self._commits == 2 and client is not None:
            client.pause(*client.assignment())
            log.warning("faults.stuck")


HANGS_IN_ITS_HANDLER = ConsumerStrategies(effect=_hangs_once)
READS_NO_MORE = ConsumerStrategies(offsets=_ReadsNoMore)
