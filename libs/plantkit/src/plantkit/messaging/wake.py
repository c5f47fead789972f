"""Who wakes the relay: the commit itself where they share a process, a debounced NOTIFY elsewhere.

NOTIFY inside the command's transaction would cost more than half of the commits per second, so it is sent after the
commit, at most once in 20 ms, on a connection of its own. Both are hints: the relay also polls.
"""

import asyncio
from collections.abc import Awaitable, Callable

DEBOUNCE_S = 0.02


class Wake:
    """The bell of one service in one process."""

    def __init__(self) -> None:
        self._rings: list[Callable[[], None]] = []

    def notify(self) -> None:
        """Said by the runner after each commit that left rows in the outbox. Never fails, never waits."""
        for ring in self._rings:
            ring()

    def listen(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Call `ring` at each commit of this process. Returns the function that ends it."""
        self._rings.append(ring)
        return lambda: self._rings.remove(ring)


def channel_of(service: str) -> str:
    """The PostgreSQL notification channel of a service's outbox."""
    return f"takt_{service}_outbox"


class Announcer:
    """Tells relays in other processes: at once after a quiet time, then at most once in 20 ms."""

    def __init__(self, wake: Wake, tell: Callable[[], Awaitable[None]], *, debounce_s: float = DEBOUNCE_S) -> None:
        self._wake = wake
        self._tell = tell
        self._debounce_s = debounce_s
        self._committed = asyncio.Event()

    async def run(self) -> None:
        """Runs until cancelled."""
        stop_listening = self._wake.listen(self._committed.set)
        try:
            while True:
                await self._committed.wait()
                self._committed.clear()
                await self._tell()
                await asyncio.sleep(self._debounce_s)
        finally:
            stop_listening()
