"""Wrong consumers, each a mistake that is made in the field. They take the place of the product's parts by constructor.

Every one of them must be convicted by a checker; if one passes, the checkers prove nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer
from faststream import AckPolicy

from plantkit import crash
from plantkit.messaging.effect import Effect, TransactionalEffect
from plantkit.messaging.inbox import Deliveries, Inbox, NoGuard, VersionGuard
from plantkit.messaging.offsets import Assignment, BrokerOffsets, Offsets
from plantkit.messaging.subscription import ConsumerStrategies, product_options
from plantkit.settings import ServiceSettings
from tests.faults.harness.sleepers import PONDEROUS

_KNOWN = "SELECT event_id FROM inbox WHERE consumer = $1 AND event_id = ANY($2::text[])"


class _OffsetFirst:
    """Tells the broker that a batch is done, then does it."""

    def __init__(self) -> None:
        self._assignment = Assignment("")

    def offsets(self, client: Callable[[], AIOKafkaConsumer], assignment: Assignment, group: str) -> Offsets:
        self._assignment = assignment
        return BrokerOffsets(client, assignment, group)

    def effect(self, effect: TransactionalEffect, offsets: Offsets) -> Effect:
        owner = self

        class Hasty:
            async def apply(self, deliveries: Deliveries) -> None:
                records = [delivery.record for delivery in deliveries]
                await offsets.commit(records, dict(owner._assignment.owned))
                await effect.apply(deliveries)

        return Hasty()


class _Peek:
    """Drops what the inbox knows, and takes nothing."""

    async def fresh(self, connection: asyncpg.Connection, consumer: str, deliveries: Deliveries) -> Deliveries:
        known = await connection.fetch(_KNOWN, consumer, [delivery.id for delivery in deliveries])
        ids = {record["event_id"] for record in known}
        return [delivery for delivery in deliveries if delivery.id not in ids]


class _TwoTransactions:
    """Commits the effect, then writes down what was seen."""

    def __init__(self, effect: TransactionalEffect) -> None:
        self._effect = replace(effect, inbox=_Peek(), guard=NoGuard())
        self._seen = (Inbox(), VersionGuard())

    async def apply(self, deliveries: Deliveries) -> None:
        await self._effect.apply(deliveries)
        crash.point("planted.between_two_transactions")
        async with self._effect.context.db.connection() as connection, self._effect.transaction(connection):
            for seen in self._seen:
                await seen.fresh(connection, self._effect.group, deliveries)


def _in_two(effect: TransactionalEffect, offsets: Offsets) -> Effect:
    return _TwoTransactions(effect)


class _Nameless:
    """One inbox for all consumers of a database."""

    async def fresh(self, connection: asyncpg.Connection, consumer: str, deliveries: Deliveries) -> Deliveries:
        return await Inbox().fresh(connection, "any", deliveries)


def _told_every_moment(settings: ServiceSettings) -> dict[str, Any]:
    """The client's own acknowledgement, which FastStream has unless told otherwise: what was polled counts as done."""
    return {**product_options(settings), "ack_policy": AckPolicy.ACK_FIRST, "auto_commit_interval_ms": 100}


_offset_first = _OffsetFirst()
OFFSET_BEFORE_EFFECT = ConsumerStrategies(offsets=_offset_first.offsets, effect=_offset_first.effect)
INBOX_IN_A_SECOND_TRANSACTION = ConsumerStrategies(effect=_in_two)
NO_VERSION_GUARD = ConsumerStrategies(guard=NoGuard)
NO_NAME_IN_THE_INBOX = ConsumerStrategies(inbox=_Nameless)
OFFSETS_COMMITTED_BY_THE_CLIENT = replace(PONDEROUS, options=_told_every_moment)
