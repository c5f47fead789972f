"""All messaging of one service in one process: which loops run, what is wrong, how it stops.

Nothing here waits for the broker or the database to be there: loops start in any order and say what they wait for.
"""

import asyncio
from collections.abc import Collection, Coroutine, Sequence, Set
from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError
from fastapi import APIRouter
from faststream.kafka import KafkaBroker

from plantkit.context import Context
from plantkit.db.engine import FAILED
from plantkit.errors import DomainError
from plantkit.messaging.broker import start_client, subscriber_broker
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.freshness import FreshnessKeeper
from plantkit.messaging.provision import GroupBusy, join_group
from plantkit.messaging.rejoin import Rejoin
from plantkit.messaging.relay import Pace, Relay, Strategies
from plantkit.messaging.routes import parked_routes
from plantkit.messaging.subscription import ConsumerStrategies, Subscription
from plantkit.messaging.upkeep import keep_up
from plantkit.messaging.wake import Announcer, channel_of
from plantkit.messaging.watchdog import Patience, Watchdog, sentences
from plantkit.observability import logs
from plantkit.resources.importing import importers
from plantkit.settings import Loop, ServiceSettings
from plantkit.slice import Slice

_TROUBLE = (*FAILED, DomainError, KafkaError, GroupBusy)
_STOP_S = 10.0
log = logs.get(__name__)


def consumers_of(settings: ServiceSettings, slices: Sequence[Slice]) -> list[Consumer]:
    """All that a service consumes: what its slices declare, and the rows of imports where it owns resources."""
    declared: list[Consumer] = [consumer for part in slices for consumer in part.consumers]
    return declared + importers(settings, slices)


class Messaging:
    """The relay, the consumers and their watchdogs of a service."""

    def __init__(
        self,
        context: Context,
        slices: Sequence[Slice],
        *,
        relay: Strategies | None = None,
        consumers: ConsumerStrategies | None = None,
        pace: Pace | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._context = context
        self._service = context.settings.service
        self._relay = Relay(context.settings, context.wake, strategies=relay, pace=pace)
        declared = consumers_of(context.settings, slices)
        self.subscriptions = [Subscription(context, consumer, consumers) for consumer in declared]
        bootstrap = context.settings.kafka_bootstrap
        self._watchdogs = [
            Watchdog(bootstrap, subscription, patience=patience, rejoin=Rejoin(context, subscription))
            for subscription in self.subscriptions
        ]
        self._broker: KafkaBroker | None = None
        self._loops: frozenset[Loop] = frozenset()
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: str | None = None

    def routes(self) -> APIRouter:
        """What every service serves about its messaging."""
        return parked_routes(self._context.db)

    async def start(self, loops: Collection[Loop]) -> None:
        """Start the given loops in the background."""
        self._loops = frozenset(loops)
        self._begin("announcer", Announcer(self._context.wake, self._announce).run())
        if Loop.RELAY in self._loops:
            self._begin("relay", self._relay.run())
            self._begin("upkeep", keep_up(self._context.db, self._service))
        if Loop.CONSUMERS in self._loops and self.subscriptions:
            self._waiting = "The consumers have not joined their groups yet."
            self._begin("joining", self._consume())

    async def stop(self) -> None:
        """No new work; what is under way ends; the group and the slots are left cleanly. Takes 30 s at the longest: a
        client that does not let go must not keep a service from ending.
        """
        self._relay.stop()
        for subscription in self.subscriptions:
            subscription.pipeline.stop()
        if self._broker is not None:
            await _ended({asyncio.create_task(self._broker.stop())})
        await _ended({task for task in self._tasks if task.get_name() == "relay"})
        for task in self._tasks:
            task.cancel()
        await _ended(set(self._tasks))
        self._tasks.clear()

    def ready(self) -> list[str]:
        """Why requests should not come here. A broker that went away is no reason: what happens is told later."""
        lost = [sentence for watchdog in self._watchdogs for sentence in watchdog.lost]
        broken = [f"The {task.get_name()} loop has ended." for task in self._tasks if _is_broken(task)]
        return lost + broken + ([self._waiting] if self._waiting else [])

    def health(self) -> dict[str, Any]:
        """Details for people."""
        relay = {"trouble": self._relay.trouble, "owns_all_slots": self._relay.owns_all}
        consumers = [
            {
                "group": subscription.group,
                "partitions": len(subscription.assignment.owned),
                "lag": watchdog.lag,
                "trouble": subscription.pipeline.trouble,
            }
            for subscription, watchdog in zip(self.subscriptions, self._watchdogs, strict=True)
        ]
        return {"relay": relay if Loop.RELAY in self._loops else None, "consumers": consumers}

    def _begin(self, name: str, loop: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(loop, name=name))

    async def _announce(self) -> None:
        """Relays of other processes need to be told only when some slots are theirs."""
        if self._relay.owns_all:
            return
        with suppress(*FAILED, DomainError):
            async with self._context.db.connection() as connection:
                await connection.execute("SELECT pg_notify($1, '')", channel_of(self._service))

    async def _consume(self) -> None:
        pause = 0.2
        while True:
            try:
                await self._join()
                break
            except _TROUBLE as trouble:
                self._waiting = f"The consumers cannot join their groups yet: {trouble}"
                log.warning("consumers.waiting", service=self._service, error=type(trouble).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        self._waiting = None
        for subscription, watchdog in zip(self.subscriptions, self._watchdogs, strict=True):
            self._begin("retries", subscription.retries.run())
            self._begin("watchdog", watchdog.run())
            model = subscription.consumer.model
            if model is not None:
                self._begin("freshness", FreshnessKeeper(self._context, subscription.consumer, model).run())

    async def _join(self) -> None:
        """First offsets, then members: a group never starts anywhere but at the beginning or where it was."""
        settings = self._context.settings
        async with self._context.db.connection() as connection:
            for subscription, watchdog in zip(self.subscriptions, self._watchdogs, strict=True):
                topics = subscription.consumer.topics
                lost = await join_group(connection, settings.kafka_bootstrap, subscription.group, topics)
                watchdog.lost = sentences(subscription.group, lost)
        broker = subscriber_broker(settings)
        for subscription in self.subscriptions:
            subscription.register(broker)
        try:
            await start_client(broker)
        except BaseException:
            await broker.stop()
            raise
        self._broker = broker


async def _ended(tasks: Set[asyncio.Task[None]]) -> None:
    """However they ended; `wait_for` would wait on for one that swallows its cancellation."""
    if tasks:
        done, _ = await asyncio.wait(tasks, timeout=_STOP_S)
        await asyncio.gather(*done, return_exceptions=True)


def _is_broken(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is not None
