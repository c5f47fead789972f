"""What a client was handed and has not answered for, and when to stop waiting.

An idempotent client repeats a batch without end, so that it waits for an absent broker is right. That it waits beside a
broker that answers means that one of its own tasks has ended or hangs, and nobody else would ever notice.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Handed:
    """Of one client. `still_s`: how long the broker has answered, and the client not, when it is given up."""

    def __init__(self, still_s: float) -> None:
        self._still_s = still_s
        self._since: dict[asyncio.Timeout, float] = {}
        self._answers_since: float | None = None

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Around handing over a batch. Raises TimeoutError when the client stands still."""
        async with asyncio.timeout(None) as limit:
            self._since[limit] = asyncio.get_running_loop().time()
            try:
                yield
            finally:
                del self._since[limit]

    def look(self, broker_answers: bool) -> None:
        """Once in a while, by somebody who has asked the broker."""
        now = asyncio.get_running_loop().time()
        if not broker_answers:
            self._answers_since = None
            return
        if self._answers_since is None:
            self._answers_since = now
        for limit, since in self._since.items():
            if max(since, self._answers_since) + self._still_s <= now:
                limit.reschedule(now)
