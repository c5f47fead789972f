"""Clients that send each command many times at once, go on until it is answered, then send something else under its
key; and others who happen to use the same keys.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import httpx

from takt_contracts.roles import Role
from tests.faults.checkers import idempotence
from tests.faults.checkers.history import Out, outcome_of
from tests.faults.checkers.idempotence import STILL_RUNNING, Post
from tests.faults.checkers.verdict import Verdict
from tests.faults.harness import tables
from tests.faults.harness.plant import Plant

CALLERS = ("user-07", "user-08")
_OF_EACH_ANSWER = frozenset({"date", "x-request-id", "idempotent-replayed"})
_LOST = (httpx.TransportError,)
_TRIES = 60
_REST_S = 0.1
_EFFECTS = "SELECT reason, count(*) AS times FROM ledger_entries WHERE reason LIKE $1 GROUP BY reason"


@dataclass
class Repeats:
    """`posts` holds what was sent, in the order in which it was."""

    plant: Plant
    addresses: Sequence[str]
    operations: Sequence[str]
    timeout_s: float = 2.5
    posts: list[Post] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=self.timeout_s, trust_env=False, limits=httpx.Limits())
        self._callers = {user: self.plant.signer.headers(Role.ADMIN, user=user) for user in CALLERS}

    async def close(self) -> None:
        await self._client.aclose()

    async def send(self, *, keys: int, at_once: int, copies: int) -> None:
        """So many keys, `at_once` of them at a time, each command in so many copies that leave together.

        The second caller sends a quarter as many.
        """
        left = iter(range(keys))

        async def one_after_the_other() -> None:
            for number in left:
                await self._key(number, copies)

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))

    async def _key(self, number: int, copies: int) -> None:
        first, second = CALLERS
        await asyncio.gather(self._command(first, number, copies), self._command(second, number, copies // 4))
        for caller in CALLERS:
            await self._post(caller, number, "another")
        await self._post(first, number, "first")

    async def _command(self, caller: str, number: int, copies: int) -> None:
        await asyncio.gather(*(self._post(caller, number, "first", via=copy) for copy in range(copies)))
        for again in range(_TRIES):
            seen = await self._post(caller, number, "first", via=again)
            if seen.out is Out.OK or (seen.out is Out.FAIL and seen.http != STILL_RUNNING):
                return
            await asyncio.sleep(_REST_S)

    async def _post(self, caller: str, number: int, what: str, via: int = 0) -> Post:
        body = f"{self.plant.name}-{number}-{caller}-{what}"
        place = len(self.posts)
        self.posts.append(Post(caller=caller, key=f"{self.plant.name}-{number}", body=body, out=Out.INFO))
        operation = self.operations[number % len(self.operations)]
        url = f"{self.addresses[via % len(self.addresses)]}/api/v1/operations/{operation}/report"
        headers = {**self._callers[caller], "idempotency-key": self.posts[place].key}
        try:
            answer = await self._client.post(url, json={"good": "1", "reason": body}, headers=headers)
        except _LOST:
            return self.posts[place]
        out = outcome_of(answer.status_code)
        self.posts[place] = replace(self.posts[place], out=out, http=answer.status_code, answer=_told(answer))
        return self.posts[place]

    async def verdict(self, *, least: int) -> Verdict:
        rows = await tables.rows(self.plant, _EFFECTS, f"{self.plant.name}-%")
        effects = Counter({row["reason"]: row["times"] for row in rows})
        return idempotence.one_command(self.posts, effects, least=least)


def _told(answer: httpx.Response) -> str:
    """The answer's bytes and headers, but for those that every answer has of its own."""
    headers = sorted((name, value) for name, value in answer.headers.items() if name not in _OF_EACH_ANSWER)
    return f"{answer.status_code} {hashlib.sha256(answer.content).hexdigest()} {headers}"
