"""Compares what groups have committed with what the log holds. The client's task stays alive when it stands still.

A group without an offset, or with one that the log no longer holds, is not ready and says how to rebuild. A consumer
that makes no progress for a minute although there is something to read is restarted. One whose first offsets the
database no longer remembers is given them again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from plantkit.db.engine import FAILED
from plantkit.errors import DomainError
from plantkit.messaging.broker import commit_client, start_client
from plantkit.messaging.metrics import CONSUMER_LAG, CONSUMER_RESTARTS, OFFSET_LOST
from plantkit.messaging.provision import Places, partitions_of, places_of
from plantkit.messaging.subscription import Subscription
from plantkit.observability import logs

_TROUBLE = (*FAILED, DomainError, KafkaError)
log = logs.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How often a consumer is looked at, how long a look may take, and how long the consumer may stand still."""

    every_s: float = 5.0
    look_s: float = 120.0
    still_s: float = 60.0


class Progress:
    """When something last moved, for one consumer."""

    def __init__(self, now: float) -> None:
        self._moved_at = now
        self._sum = -1

    def still_for(self, places: Places, now: float) -> float:
        """Seconds without a commit although there was something to read."""
        reached = sum(offset or 0 for offset in places.committed.values())
        if reached != self._sum or not places.lag:
            self._sum, self._moved_at = reached, now
        return now - self._moved_at


async def _never(_: Sequence[TopicPartition]) -> bool:
    return False


class Watchdog:
    """Watches one subscription. `rejoin` begins anew where that is due, and answers whether it was."""

    def __init__(
        self,
        bootstrap: str,
        subscription: Subscription,
        *,
        patience: Patience | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        rejoin: Callable[[Sequence[TopicPartition]], Awaitable[bool]] = _never,
    ) -> None:
        self._bootstrap = bootstrap
        self._rejoin = rejoin
        self._subscription = subscription
        self._patience = patience or Patience()
        self._monotonic = monotonic
        self._progress = Progress(monotonic())
        self.lost: list[str] = []
        self.lag: int | None = None

    async def run(self) -> None:
        """Runs until cancelled; a broker or a database that is away is asked again, and so is one that never answers:
        the client asks for the coordinator of a group without end.
        """
        while True:
            with suppress(*_TROUBLE):
                await self._watch()
            self.lag = None
            await asyncio.sleep(self._patience.every_s)

    async def _watch(self) -> None:
        client = commit_client(self._bootstrap, self._subscription.group)
        try:
            async with self._patiently():
                await start_client(client)
                partitions = await partitions_of(client, self._subscription.consumer.topics)
            while True:
                async with self._patiently():
                    await self.look(client, partitions)
                await asyncio.sleep(self._patience.every_s)
        finally:
            await client.stop()

    @asynccontextmanager
    async def _patiently(self) -> AsyncIterator[None]:
        """Raises TimeoutError."""
        try:
            async with asyncio.timeout(self._patience.look_s):
                yield
        except TimeoutError:
            log.warning("consumer.look_cut_short", group=self._subscription.group, after_s=self._patience.look_s)
            raise

    async def look(self, client: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """One comparison, and what follows from it."""
        group = self._subscription.group
        if await self._rejoin(partitions):
            self._progress = Progress(self._monotonic())
        places = await places_of(client, partitions)
        self.lost = sentences(group, places.lost)
        self.lag = places.lag
        OFFSET_LOST.labels(group).set(len(self.lost))
        CONSUMER_LAG.labels(group).set(places.lag)
        still = self._progress.still_for(places.of(self._subscription.assignment.owned), self._monotonic())
        if still > self._patience.still_s and not self.lost and self._subscription.pipeline.trouble is None:
            await self._restart(still)

    async def _restart(self, still: float) -> None:
        group = self._subscription.group
        log.error("consumer.restarted", group=group, still_s=round(still))
        CONSUMER_RESTARTS.labels(group).inc()
        self._progress = Progress(self._monotonic())
        await self._subscription.restart()


def sentences(group: str, lost: dict[TopicPartition, str]) -> list[str]:
    """Why a group is not ready, and what heals it."""
    return [
        f"{group} has lost its place in {partition.topic} partition {partition.partition}: {why}. It skips nothing;"
        f" run `takt rebuild {group.replace('.', ' ', 1)}`, or `takt replay` where the broker has lost its log."
        for partition, why in sorted(lost.items())
    ]
