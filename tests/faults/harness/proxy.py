"""A TCP proxy of ours: one link a (client, dependency) pair, and what a bad network does to what passes.

The links of a run are served by a thread of their own, so they work while the test's loop is busy. A Kafka client goes
on to the address that the broker advertises: give the broker a listener that advertises the link's port (`Kafka` takes
`doors`), or the proxy is left out after the first answer.
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from takt.embedded.ports import own_port

T = TypeVar("T")
_CHUNK = 65_536
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


class Way(StrEnum):
    """Which way bytes go: from the client to the dependency, or back."""

    REQUESTS = "requests"
    ANSWERS = "answers"


BOTH = frozenset(Way)


@dataclass(frozen=True, kw_only=True)
class Weather:
    """What happens to bytes on a link. As it stands: nothing.

    `swallowed` ways lose their bytes, so their connections are reset when it clears up; `held` ways deliver late, as
    TCP does after a cut that was not noticed. `cut` resets the connection when so many more bytes have gone that way.
    """

    latency_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float | None = None
    slice_bytes: int = _CHUNK
    swallowed: frozenset[Way] = frozenset()
    held: frozenset[Way] = frozenset()
    cut: tuple[Way, int] | None = None


FINE = Weather()


class Link:
    """One listener, and the connections that came through it. Called from any thread but the proxy's own.

    `carried` counts bytes each way that were let through; `hits` what the weather did: delayed, swallowed, held, cut,
    reset.
    """

    def __init__(self, proxy: "Proxy", name: str, target: int) -> None:
        self.name, self.target, self.port = name, target, own_port()
        self.carried: Counter[Way] = Counter()
        self.hits: Counter[str] = Counter()
        self.accepted = 0
        self._proxy = proxy
        self._dice = random.Random(name)
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self.weather, self.left, self.clear = FINE, 0, asyncio.Event()

    def suffer(self, weather: Weather) -> None:
        """From now on, on open connections too."""
        self._proxy.run(self._suffer, weather)

    def heal(self) -> None:
        """Fine weather, and new connections are taken."""
        self._proxy.run(self._heal)

    def reset(self) -> int:
        """Reset every open connection, on both sides. Returns how many there were."""
        return self._proxy.run(self._reset)

    def refuse(self) -> None:
        """Nobody listens any more, and what is open is reset."""
        self._proxy.run(self._refuse)

    async def listen(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)

    async def close(self) -> None:
        await self._refuse()
        for pair in list(self._pairs):
            await pair.over()

    async def _suffer(self, weather: Weather) -> None:
        self.weather, self.left = weather, weather.cut[1] if weather.cut else 0
        if weather.held:
            self.clear.clear()
        else:
            self.clear.set()

    async def _heal(self) -> None:
        await self._suffer(FINE)
        for pair in [pair for pair in self._pairs if pair.has_lost]:
            pair.reset()
        await self.listen()

    async def _reset(self) -> int:
        found = list(self._pairs)
        for pair in found:
            pair.reset()
        return len(found)

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._reset()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        pair = _Pair(self, reader, writer)
        self._pairs.add(pair)
        try:
            with suppress(asyncio.CancelledError):  # that is how a pair is reset; nothing comes after it
                await pair.run()
        finally:
            self._pairs.discard(pair)

    def delay_s(self) -> float:
        return max(0.0, self.weather.latency_s + self.weather.jitter_s * self._dice.uniform(-1, 1))


class _Pair:
    """One connection of a client and the one made for it to the dependency."""

    def __init__(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._link, self._reader, self._writer = link, reader, writer
        self._onward: asyncio.StreamWriter | None = None
        self._task = asyncio.current_task()
        self.has_lost = False

    async def run(self) -> None:
        """Until both sides have ended, or either is reset."""
        try:
            reader, self._onward = await asyncio.open_connection("127.0.0.1", self._link.target)
            requests = _Wire(self._link, self, Way.REQUESTS, self._reader, self._onward)
            answers = _Wire(self._link, self, Way.ANSWERS, reader, self._writer)
            async with asyncio.TaskGroup() as group:
                for wire in (requests, answers):
                    group.create_task(wire.take())
                    group.create_task(wire.give())
        except* OSError:
            self._abort()
        finally:
            self._close()

    def reset(self) -> None:
        """As a peer does that has forgotten the connection."""
        self._link.hits["reset"] += 1
        self._abort()
        if self._task is not None:
            self._task.cancel()

    async def over(self) -> None:
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._task])

    def _abort(self) -> None:
        for writer in self._both():
            raw: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # the other side was quicker
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
            writer.transport.abort()

    def _close(self) -> None:
        for writer in self._both():
            writer.close()

    def _both(self) -> Iterator[asyncio.StreamWriter]:
        yield self._writer
        if self._onward is not None:
            yield self._onward


@dataclass
class _Wire:
    """One way of one pair: chunks are taken as they come and given on when they are due."""

    link: Link
    pair: _Pair
    way: Way
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    _under_way: asyncio.Queue[tuple[float, bytes]] = field(default_factory=lambda: asyncio.Queue(256))
    _due: float = 0.0

    async def take(self) -> None:
        now = asyncio.get_running_loop().time
        while chunk := await self.reader.read(_CHUNK):
            if self.way in self.link.weather.swallowed:
                self.link.hits["swallowed"] += 1
                self.pair.has_lost = True
                continue
            self._due = max(self._due, now() + self.link.delay_s())  # what jitters still comes in order
            await self._under_way.put((self._due, chunk))
        await self._under_way.put((self._due, b""))

    async def give(self) -> None:
        while True:
            due, chunk = await self._under_way.get()
            await self._wait(due)
            if not chunk:
                break
            for start in range(0, len(chunk), self.link.weather.slice_bytes):
                await self._pass_on(chunk[start : start + self.link.weather.slice_bytes])
        if self.writer.can_write_eof():
            self.writer.write_eof()

    async def _wait(self, due: float) -> None:
        early_s = due - asyncio.get_running_loop().time()
        if early_s > 0:
            self.link.hits["delayed"] += 1
            await asyncio.sleep(early_s)
        while self.way in self.link.weather.held:
            self.link.hits["held"] += 1
            await self.link.clear.wait()

    async def _pass_on(self, piece: bytes) -> None:
        cut = self.link.weather.cut
        if cut is not None and cut[0] is self.way:
            piece, self.link.left = piece[: self.link.left], self.link.left - len(piece)
        self.link.carried[self.way] += len(piece)  # before the receiver has it, who may ask at once
        self.writer.write(piece)
        await self.writer.drain()
        if cut is not None and cut[0] is self.way and self.link.left <= 0:
            self._cut()
        if self.link.weather.bytes_per_s:
            await asyncio.sleep(len(piece) / self.link.weather.bytes_per_s)

    def _cut(self) -> None:
        self.link.hits["cut"] += 1
        raise ConnectionResetError("cut by the proxy")


class Proxy:
    """All links of a run. As a context: they end with it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self.links: dict[str, Link] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for link in self.links.values():
            self.run(link.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def link(self, name: str, target: int) -> Link:
        """A new listener on loopback that leads to this loopback port; nobody need listen there yet."""
        made = self.links[name] = Link(self, name, target)
        self.run(made.listen)
        return made

    def run(self, work: Callable[..., Awaitable[T]], *given: Any) -> T:
        """In the proxy's own thread; returns when it is done."""

        async def call() -> T:
            return await work(*given)

        done: Future[T] = asyncio.run_coroutine_threadsafe(call(), self._loop)
        return done.result(10)
