"""One transaction of a consumer: ids, versions and what the handler does with the rest, together or not at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg

from plantkit import crash
from plantkit.auth.principal import SYSTEM
from plantkit.context import Context
from plantkit.db.tx import Origin, Tx
from plantkit.ids import new_id
from plantkit.messaging.consumer import Handler
from plantkit.messaging.inbox import Deliveries, Filter
from plantkit.messaging.metrics import APPLIED, HANDLER_SECONDS, INBOX_DUPLICATES, VERSIONS_STALE
from plantkit.messaging.parking import Heads, Parking
from plantkit.messaging.read_models import ReadModel
from plantkit.messaging.records import Delivery
from plantkit.run import Runner


class Effect(Protocol):
    """Strategy: how a batch takes effect."""

    async def apply(self, deliveries: Deliveries) -> None:
        """All of it or nothing. Raises what the handler or the database raised."""


@dataclass(frozen=True, kw_only=True)
class TransactionalEffect:
    """The effect of the product."""

    context: Context
    group: str
    handler: Handler
    inbox: Filter
    guard: Filter
    parking: Parking
    model: ReadModel | None = None

    async def apply(self, deliveries: Deliveries) -> None:
        with HANDLER_SECONDS.labels(self.group).time():
            async with self.context.db.connection() as connection, self.transaction(connection) as tx:
                await self.handle(tx, await self._not_behind(connection, deliveries))
                crash.point("consumer.after_effect_before_commit")
        if tx.has_told:
            self.context.wake.notify()

    async def handle(self, tx: Tx, deliveries: Deliveries) -> None:
        """Inbox, guard, handler, and what the handler's aggregates told."""
        new = await self._passed(self.inbox, tx, deliveries, INBOX_DUPLICATES)
        newer = await self._passed(self.guard, tx, new, VERSIONS_STALE)
        if newer:
            await self.handler(tx, newer)
            await Runner(self.context, tx.principal, tx.origin, now=self.context.clock).write(tx)
            APPLIED.labels(self.group).inc(len(newer))

    @asynccontextmanager
    async def transaction(self, connection: asyncpg.Connection, opening: str | None = None) -> AsyncIterator[Tx]:
        """One transaction, begun by `opening` where the usual beginning does not fit."""
        try:
            await connection.execute(opening or self._opening())
            yield self._tx(connection)
            await connection.execute("COMMIT")
        except BaseException:
            if not connection.is_closed():
                await connection.execute("ROLLBACK")
            raise

    def _opening(self) -> str:
        """Ends idle sessions before the group gives our partitions away, so that a paused zombie holds no locks; waits
        while the read model is rebuilt.
        """
        patience_ms = int(self.context.settings.kafka_session_timeout_ms * 0.8)
        began = f"BEGIN; SET LOCAL idle_in_transaction_session_timeout = {patience_ms}"
        return began if self.model is None else f"{began}; {self.model.among_others}"

    def _tx(self, connection: asyncpg.Connection) -> Tx:
        tx = Tx(connection, now=self.context.clock(), principal=SYSTEM, origin=Origin(request_id=str(new_id())))
        tx.begun = True
        return tx

    async def _passed(self, filter_: Filter, tx: Tx, deliveries: Deliveries, dropped: Any) -> Deliveries:
        if not deliveries:
            return deliveries
        kept = await filter_.fresh(tx.connection, self.group, deliveries)
        if len(kept) < len(deliveries):
            dropped.labels(self.group).inc(len(deliveries) - len(kept))
        return kept

    async def _not_behind(self, connection: asyncpg.Connection, deliveries: Deliveries) -> Deliveries:
        """Records of a key that has one lying aside go behind it; the others are answered."""
        heads = await self.parking.heads(connection)
        if not heads:
            return deliveries
        behind = [delivery.record for delivery in deliveries if is_behind(delivery, heads)]
        await self.parking.put(connection, [self.parking.behind(r, heads[r.topic, r.key]) for r in behind])
        return [delivery for delivery in deliveries if not is_behind(delivery, heads)]


def is_behind(delivery: Delivery[Any], heads: Heads) -> bool:
    """Whether a record of the same key lies aside before it."""
    record = delivery.record
    head = None if record.key is None else heads.get((record.topic, record.key))
    return head is not None and head.is_before(delivery)
