"""Read your own writes: a write's answer names what it wrote, and a read that sends the name back waits for it.

The owner of the state needs no wait: what it answered is committed. A read model waits until it has seen the version.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from plantkit.db.row import Aggregate
from plantkit.http.errors import BadConsistencyToken, NotYet
from plantkit.http.signing import seal, unseal

HEADER = "takt-consistency"
_PURPOSE = "consistency"
_LONGEST_WAIT_S = 2.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Written:
    """What a write left behind: this subject of this topic at this version. No topic: nothing was written."""

    service: str
    topic: str | None
    subject: str
    version: int


Reached = Callable[[Written], Awaitable[int]]
"""The version of a write's subject that a read model has seen; 0 when it never saw the subject."""


@dataclass(frozen=True, slots=True)
class Consistency:
    """Makes the tokens of one service and reads those of every service of the stack: they share the secret."""

    secret: str
    service: str

    def token(self, row: Aggregate) -> str:
        last = row.told[-1] if row.told else None
        topic, subject = (None, "") if last is None else (last.topic, last.subject)
        return seal(self.secret, _PURPOSE, [self.service, topic, subject, row.version])

    def read(self, token: str) -> Written:
        """Raises BadConsistencyToken for anything this stack did not give out."""
        try:
            content: Any = unseal(self.secret, _PURPOSE, token)
        except ValueError:
            raise BadConsistencyToken("Takt-Consistency is not a token of this stack.") from None
        return Written(*content)

    async def wait(self, token: str | None, reached: Reached) -> None:
        """Return as soon as `reached` has the write; after 2 s raise NotYet with how many versions it is behind."""
        if token is None:
            return
        written = self.read(token)
        if written.topic is None:
            return
        deadline = time.monotonic() + _LONGEST_WAIT_S
        while (behind := written.version - await reached(written)) > 0:
            if time.monotonic() >= deadline:
                raise NotYet("The read model has not seen this write yet.", behind=behind)
            await asyncio.sleep(_POLL_S)
