"""A backlog waits rather than those who ask: while others commit, it goes in small parts with a rest after each."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import asyncpg

RUSH = 10_000  # rows of a walk that never rest: an import keeps fewer on their way, and waits for their events
PART = 200  # rows: about 10 ms of work
COURTEOUS_S = 60.0  # then a backlog has waited long enough
_RESTS = 6.0  # times the work before it
_LONGEST_REST_S = 0.15
_CALM_S = 1.0


@dataclass
class Asked:
    """When somebody last committed."""

    now: Callable[[], float] = time.monotonic
    at: float = float("-inf")

    def note(self) -> None:
        self.at = self.now()

    def lately(self, since: float) -> bool:
        return self.at >= since and self.now() - self.at < _CALM_S


class Courtesy:
    """Of one walk."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._sent = 0
        self._began = self._since = asked.now()

    @property
    def _is_due(self) -> bool:
        """Who committed before the walk began may have committed the backlog itself."""
        return self._sent >= RUSH and self._asked.lately(self._began) and self._since - self._began < COURTEOUS_S

    def parts(self, rows: Sequence[asyncpg.Record]) -> Iterator[Sequence[asyncpg.Record]]:
        """The page as a whole as long as nobody is disturbed by it."""
        size = PART if self._is_due else len(rows)
        for start in range(0, len(rows), size):
            yield rows[start : start + size]

    async def rest(self, sent: int) -> None:
        """After a part of so many rows."""
        self._sent += sent
        if self._is_due:
            await asyncio.sleep(min((self._asked.now() - self._since) * _RESTS, _LONGEST_REST_S))
        self._since = self._asked.now()
