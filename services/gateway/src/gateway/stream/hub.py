"""One reader of the log for all who watch it live, and a memory of the last records for those who blinked."""

import asyncio
from collections import deque
from collections.abc import Iterator

import structlog

from gateway.metrics import STREAMS_LOST
from gateway.stream.log import BROKER_TROUBLE, Log, LogReader
from gateway.stream.positions import Offsets, Positions
from gateway.stream.records import LogRecord

REMEMBERED = 2_000
BACKLOG = 1_000
"""Records that may wait for one slow client; then it is let go and resumes from its own position."""

log = structlog.get_logger(__name__)

Told = tuple[str, LogRecord]
"""Position after the record, and the record."""


class Listener:
    """One client's queue. `lost` once it fell too far behind or the log was interrupted."""

    def __init__(self, backlog: int) -> None:
        self._backlog = backlog
        self._waiting: deque[Told] = deque()
        self._more = asyncio.Event()
        self.lost = False

    def offer(self, told: Told) -> None:
        if len(self._waiting) >= self._backlog and not self.lost:
            STREAMS_LOST.inc()
            self.lose()
        elif not self.lost:
            self._waiting.append(told)
            self._more.set()

    def lose(self) -> None:
        self.lost = True
        self._more.set()

    async def wait(self, timeout_s: float) -> list[Told]:
        """All that waits, or nothing after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._more.wait()
        except TimeoutError:
            return []
        waiting = list(self._waiting)
        self._waiting.clear()
        if not self.lost:
            self._more.clear()
        return waiting


class Hub:
    """Reads from the end of the log on and hands each record to every listener, in one order for all."""

    def __init__(
        self, source: Log, positions: Positions, *, remembered: int = REMEMBERED, backlog: int = BACKLOG
    ) -> None:
        self._source, self._positions = source, positions
        self._remembered, self._backlog = remembered, backlog
        self._listeners: set[Listener] = set()
        self._memory: deque[LogRecord] = deque()
        self._floor: Offsets = {}
        self._next: Offsets = {}
        self.is_closed = False
        self.is_reading = False

    @property
    def position(self) -> str:
        """Where the live tail stands now."""
        return self._positions.write(self._next)

    @property
    def next(self) -> Offsets:
        return {name: list(places) for name, places in self._next.items()}

    def remembers(self, offsets: Offsets) -> bool:
        """Whether everything from `offsets` on is still in memory, so that nothing need be read again."""
        return self.is_reading and all(
            place >= floor
            for name, floors in self._floor.items()
            for place, floor in zip(offsets[name], floors, strict=True)
        )

    def has_reached(self, offsets: Offsets) -> bool:
        """Whether this reader is where `offsets` are: those of another replica may be a moment ahead."""
        return all(
            place <= own for name, owns in self._next.items() for place, own in zip(offsets[name], owns, strict=True)
        )

    def since(self, offsets: Offsets) -> Iterator[Told]:
        """Remembered records from `offsets` on, each with the position after it. Moves `offsets` along."""
        for record in self._memory:
            if record.offset >= offsets[record.topic][record.partition]:
                offsets[record.topic][record.partition] = record.offset + 1
                yield self._positions.write(offsets), record

    def listen(self) -> Listener:
        listener = Listener(self._backlog)
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """The service is about to stop: let everybody go, so that nobody holds it up."""
        self.is_closed = True
        self._interrupt()

    async def run(self) -> None:
        """Read for ever; when the broker is away, let everybody go and begin again at the end of the log."""
        wait_s = 0.2
        while True:
            try:
                async with self._source.reader() as reader:
                    wait_s = 0.2
                    await self._read(reader)
            except BROKER_TROUBLE as trouble:
                log.warning("stream.broker_away", error=type(trouble).__name__, retry_in_s=wait_s)
            finally:
                self._interrupt()
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, 5.0)

    async def _read(self, reader: LogReader) -> None:
        self._memory.clear()
        self._floor = {name: list(places) for name, places in reader.next.items()}
        self._next = reader.next
        self.is_reading = not self.is_closed
        while True:
            for record in await reader.batch():
                reader.passed(record)
                self._tell(record)

    def _tell(self, record: LogRecord) -> None:
        self._memory.append(record)
        if len(self._memory) > self._remembered:
            oldest = self._memory.popleft()
            self._floor[oldest.topic][oldest.partition] = oldest.offset + 1
        if self._listeners:
            told = (self.position, record)
            for listener in self._listeners:
                listener.offer(told)

    def _interrupt(self) -> None:
        self.is_reading = False
        for listener in self._listeners:
            listener.lose()
