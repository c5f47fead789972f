"""Moves committed events from the outbox to the log: at least once, in order per aggregate, never ahead of the
commit.

A walk over the unpublished rows follows the other as long as there are any; then the relay sleeps until a commit
rings or a quarter of a second has passed. Whatever goes wrong, the walk is thrown away with its connections: what was
not marked is unpublished still, and is sent again in the same order.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial

import asyncpg
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from plantkit.db.engine import FAILED
from plantkit.db.machinery import SLOTS
from plantkit.ids import new_id
from plantkit.messaging.broker import connect_producer
from plantkit.messaging.connections import dedicated
from plantkit.messaging.courtesy import Asked
from plantkit.messaging.leases import Leases, SlotLeases, SlotsLost
from plantkit.messaging.lost_log import LogLost, refuse_lost_log
from plantkit.messaging.metrics import KAFKA_UP
from plantkit.messaging.outbox import (
    MARKER_SESSION,
    PAGE,
    READER_SESSION,
    FencedMarker,
    Marker,
    PendingReader,
    Reader,
)
from plantkit.messaging.publisher import BatchTooLarge, KafkaPublisher, Publisher
from plantkit.messaging.resting import Resting
from plantkit.messaging.wake import DEBOUNCE_S, Wake, channel_of
from plantkit.messaging.walk import Marking, Parts, Walk
from plantkit.observability import logs
from plantkit.settings import ServiceSettings
from plantkit.tasks import together

_CURED_BY_REPLAY = (LogLost, SlotsLost)
TROUBLE = (*FAILED, KafkaError, *_CURED_BY_REPLAY)
_LEAVE_S = 2.0
log = logs.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How much at once and how often."""

    page: int = PAGE
    pages_ahead: int = 3
    poll_s: float = 0.25
    linger_s: float = 0.001  # between two walks, for each row of the last: commits that come together go together
    longest_linger_s: float = 0.01
    retry_blocked_s: float = 60.0
    longest_pause_s: float = 5.0


async def open_kafka_publisher(settings: ServiceSettings, one_by_one: bool) -> Publisher:
    """The publisher of the product. Raises KafkaError when the broker does not answer."""
    connect = partial(connect_producer, settings)
    return await KafkaPublisher.open(connect, settings.service, one_by_one=one_by_one)


async def open_on_a_whole_log(settings: ServiceSettings, one_by_one: bool) -> Publisher:
    """As `open_kafka_publisher`. Raises LogLost where a replay has to come first."""
    await refuse_lost_log(settings)
    return await open_kafka_publisher(settings, one_by_one)


@dataclass(frozen=True, kw_only=True)
class Strategies:
    """What a relay is made of. The product has one set; the proofs of the checkers hand in wrong ones."""

    reader: Callable[[asyncpg.Connection, int], Reader] = PendingReader
    marker: Callable[[asyncpg.Connection], Marker] = FencedMarker
    publisher: Callable[[ServiceSettings, bool], Awaitable[Publisher]] = open_on_a_whole_log
    leases: Callable[[asyncpg.Connection, str, float], Leases] | None = None


class Relay:
    """Relays one service's outbox."""

    def __init__(
        self,
        settings: ServiceSettings,
        wake: Wake,
        *,
        strategies: Strategies | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._settings = settings
        self._wake = wake
        self._strategies = strategies or Strategies()
        self._pace = pace or Pace()
        self._owner = str(new_id())
        self._bell = asyncio.Event()
        self._asked = Asked()
        self._stopping = False
        self._one_by_one = False
        self._awake_until = 0.0
        self._resting = Resting(self._pace.retry_blocked_s)
        self.trouble: str | None = "The relay has not reached the broker and the database yet."
        self.owns_all = False

    async def run(self) -> None:
        """Relay until `stop`. Trouble with database or broker is waited out, with longer pauses up to a few seconds."""
        stop_listening = self._wake.listen(self._ring)
        pause = 0.0
        try:
            while not self._stopping:
                await asyncio.sleep(pause)
                started = time.monotonic()
                try:
                    await self._relay()
                except TROUBLE as trouble:
                    self._complain(trouble)
                    pause = self._next_pause(trouble, pause, time.monotonic() - started)
        finally:
            stop_listening()

    def stop(self) -> None:
        """End `run` after the walk that is under way, and give the slots back."""
        self._stopping = True
        self._bell.set()

    def _ring(self) -> None:
        self._asked.note()
        self._bell.set()

    def _next_pause(self, trouble: Exception, pause: float, lasted_s: float) -> float:
        """None after a record that was too large: others need not wait for what the next walk sets aside."""
        if isinstance(trouble, MessageSizeTooLargeError):
            return 0.0
        return 0.1 if lasted_s > 10 else min(max(pause, 0.05) * 2, self._pace.longest_pause_s)

    def _complain(self, trouble: Exception) -> None:
        service = self._settings.service
        self._one_by_one = isinstance(trouble, BatchTooLarge)
        self.trouble = (
            str(trouble)
            if isinstance(trouble, _CURED_BY_REPLAY)
            else f"The relay is waiting: {type(trouble).__name__}."
        )
        KAFKA_UP.labels(service).set(0 if isinstance(trouble, KafkaError) else 1)
        log.warning("relay.interrupted", service=service, error=type(trouble).__name__, detail=str(trouble)[:200])

    async def _relay(self) -> None:
        async with self._open() as parts:
            self.trouble = None
            marking = Marking(parts, pages_ahead=self._pace.pages_ahead)
            try:
                async with together() as group:
                    behind = [group.create_task(task) for task in (self._beat(parts.leases), marking.run())]
                    await self._walk_on(parts, marking)
                    for task in behind:
                        task.cancel()
            finally:
                self.owns_all = False
            await self._leave(parts.leases)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Parts]:
        made, settings = self._strategies, self._settings
        async with AsyncExitStack() as stack:
            publisher = await made.publisher(settings, self._one_by_one)
            stack.push_async_callback(publisher.close)
            reading = await stack.enter_async_context(dedicated(settings, **READER_SESSION))
            marking = await stack.enter_async_context(dedicated(settings, **MARKER_SESSION))
            leasing = await stack.enter_async_context(dedicated(settings))
            await reading.add_listener(channel_of(settings.service), lambda *_: self._ring())
            leases = self._leases(leasing)
            await leases.heartbeat()
            yield Parts(
                settings.service,
                made.reader(reading, self._pace.page),
                made.marker(marking),
                publisher,
                leases,
                self._resting,
            )

    def _leases(self, connection: asyncpg.Connection) -> Leases:
        """Under one name as long as this relay lives: after an interruption its slots are its own still."""
        service, lease_s = self._settings.service, self._settings.relay_lease_s
        if self._strategies.leases is not None:
            return self._strategies.leases(connection, service, lease_s)
        return SlotLeases(connection, service, owner=self._owner, lease_s=lease_s)

    async def _beat(self, leases: Leases) -> None:
        while True:
            self.owns_all = len(leases.held) == SLOTS
            await asyncio.sleep(self._settings.relay_lease_s / 3)
            await leases.heartbeat()

    async def _walk_on(self, parts: Parts, marking: Marking) -> None:
        """One walk after the other. What a walk has sent may be marked while the next one reads, as long as it is
        little and in order.
        """
        while not self._stopping:
            self._bell.clear()
            walk = Walk(parts, marking, page=self._pace.page, asked=self._asked)
            sent = await walk.run()
            if walk.stopped or parts.leases.is_above_share or not marking.is_little:
                await marking.done()
                await parts.leases.settle()
            await self._rest(sent)
        await marking.done()

    async def _rest(self, sent: int) -> None:
        """Between two walks. A bell may be late by its debounce: until that is over, the relay looks for itself."""
        now = time.monotonic()
        if sent:
            self._awake_until = now + 2 * DEBOUNCE_S
        if now > self._awake_until and not self._stopping:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._pace.poll_s):  # wait_for forgets a cancellation that meets the bell
                    await self._bell.wait()
        await asyncio.sleep(min(self._pace.linger_s * max(sent, 1), self._pace.longest_linger_s))

    async def _leave(self, leases: Leases) -> None:
        with suppress(*TROUBLE):
            async with asyncio.timeout(_LEAVE_S):
                await leases.leave()
