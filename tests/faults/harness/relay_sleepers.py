"""A relay of the product that falls asleep at the worst moment: the broker has a page, and nothing is marked yet."""

import os
import signal
from collections.abc import Mapping

import asyncpg

from plantkit.messaging.outbox import FencedMarker, Outcome
from plantkit.messaging.relay import Strategies

_MARK = 3


class _SleepyMarker(FencedMarker):
    """The process is stopped before its third mark."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        super().__init__(connection)
        self._marks = 0

    async def mark(self, epochs: Mapping[int, int], outcome: Outcome) -> frozenset[int]:
        self._marks += 1
        if self._marks == _MARK:
            os.kill(os.getpid(), signal.SIGSTOP)
        return await super().mark(epochs, outcome)


BEFORE_A_MARK = Strategies(marker=_SleepyMarker)
