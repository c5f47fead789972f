"""One client's way through the log: first what it missed, then the live tail, without a seam."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import structlog

from gateway.stream.errors import PositionGone
from gateway.stream.hub import Hub, Listener
from gateway.stream.log import BROKER_TROUBLE, Log
from gateway.stream.positions import Offsets, Positions
from gateway.stream.records import KEEP_ALIVE, LogRecord, frame, mark
from plantkit.errors import Unavailable

KEEP_ALIVE_S = 15.0
log = structlog.get_logger(__name__)

Wanted = Callable[[LogRecord], bool]
MayStay = Callable[[], Awaitable[bool]]


class Follower:
    """Makes the frames of one stream. Ends, for the client to resume, when it is too slow or may stay no longer."""

    def __init__(self, hub: Hub, source: Log, positions: Positions, *, keep_alive_s: float = KEEP_ALIVE_S) -> None:
        self._hub, self._source, self._positions = hub, source, positions
        self._keep_alive_s = keep_alive_s

    async def start(self, word: str | None) -> Offsets | None:
        """Where a client with this Last-Event-ID begins; None is the live tail. Raises before anything is sent."""
        if not self._hub.is_reading:
            raise Unavailable("The log cannot be read at the moment.", retry_after_s=2)
        if word is None:
            return None
        offsets = self._positions.read(word, self._source.topics)
        if not (self._hub.remembers(offsets) and self._hub.has_reached(offsets)):
            await self._refuse_gone(offsets)
        return offsets

    async def frames(self, start: Offsets | None, wanted: Wanted, may_stay: MayStay) -> AsyncGenerator[bytes]:
        """Server-sent events. `may_stay` is asked again at least every keep-alive; when it says no, the stream ends."""
        try:
            if start is not None:
                async with aclosing(self._missed(start, wanted)) as missed:
                    async for piece in missed:
                        yield piece
            async with aclosing(self._live(start, wanted, may_stay)) as live:
                async for piece in live:
                    yield piece
        except BROKER_TROUBLE as trouble:
            log.warning("stream.ended", error=type(trouble).__name__)

    async def _missed(self, at: Offsets, wanted: Wanted) -> AsyncGenerator[bytes]:
        """Read from the log until what is left is in the hub's memory. Moves `at`; never past the live tail."""
        while self._hub.is_reading and not self._hub.has_reached(at):  # noqa: ASYNC110 - a moment at most
            await asyncio.sleep(0.05)
        while self._hub.is_reading and not self._hub.remembers(at):
            goal = self._hub.next
            async with self._source.reader(at) as reader:
                while not await reader.reaches(goal):
                    if self._hub.is_closed:
                        return
                    for record in await reader.batch():
                        if record.offset < goal[record.topic][record.partition]:
                            reader.passed(record)
                            if tellable(record, wanted):
                                yield frame(self._positions.write(reader.next), record)

    async def _live(self, at: Offsets | None, wanted: Wanted, may_stay: MayStay) -> AsyncGenerator[bytes]:
        if not self._hub.is_reading:
            return
        remembered = [] if at is None else list(self._hub.since(at))
        here, listener = self._hub.position, self._hub.listen()
        try:
            for position, record in remembered:
                if tellable(record, wanted):
                    yield frame(position, record)
            yield mark(here)
            async for piece in self._told(listener, wanted, may_stay):
                yield piece
        finally:
            self._hub.leave(listener)

    async def _told(self, listener: Listener, wanted: Wanted, may_stay: MayStay) -> AsyncGenerator[bytes]:
        clock = asyncio.get_running_loop().time
        due = clock() + self._keep_alive_s
        while True:
            told = await listener.wait(max(due - clock(), 0.0))
            frames = [frame(position, record) for position, record in told if tellable(record, wanted)]
            if frames:
                yield b"".join(frames)
            elif told:
                yield mark(told[-1][0])
            if listener.lost:
                return
            if clock() >= due:
                if not await may_stay():
                    return
                yield KEEP_ALIVE
                due = clock() + self._keep_alive_s

    async def _refuse_gone(self, offsets: Offsets) -> None:
        try:
            first, after = await self._source.bounds()
        except BROKER_TROUBLE as away:
            raise Unavailable("The log cannot be read at the moment.", retry_after_s=2) from away
        for name, places in offsets.items():
            for place, low, high in zip(places, first[name], after[name], strict=True):
                if not low <= place <= high:
                    raise PositionGone("The log does not hold what follows this position.")


def tellable(record: LogRecord, wanted: Wanted) -> bool:
    """Whether this client wants the record and it is an event at all."""
    return wanted(record) and record.event is not None
