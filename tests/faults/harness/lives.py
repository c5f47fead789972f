"""Clients that lead orders through a whole life: created, started, finished, and refused once more, with reports on the
operations that all of them share in between.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import httpx

from tests.faults.checkers.history import Op, Out
from tests.faults.harness.shop import LIFE, Shop

_REPORTS = 4
_TRIES = 40
_REST_S = 0.05
_STILL_RUNNING = "idempotency.in-progress"  # says of the repeat that it is refused, and nothing of the command


@dataclass
class Lives:
    """Half of what gets no answer is sent again under its key until it has one; the other half stays unsure."""

    shop: Shop
    addresses: Sequence[str]
    seed: int = 1
    _dice: random.Random = field(default_factory=random.Random)

    async def lead(self, *, clients: int, commands: int) -> None:
        """At least so many commands in all; a life that was begun is led to its end."""
        self._dice.seed(self.seed)
        await asyncio.gather(*(self.shop.ready(address) for address in self.addresses))
        await asyncio.gather(*(self._client(number, commands) for number in range(clients)))

    async def _client(self, number: int, commands: int) -> None:
        while len(self.shop.history) < commands:
            await self._life(number)

    async def _life(self, number: int) -> None:
        created = self.shop.new_op(number, "create", "")
        name, key = created.val, f"{created.val}/{LIFE}"
        if not await self._is_done(replace(created, key=key)):
            return
        if not await self._is_done(self.shop.new_op(number, "start", key, f"{name}-start")):
            return
        for _ in range(_REPORTS):
            await self._is_done(self.shop.new_report(number))
        if await self._is_done(self.shop.new_op(number, "finish", key, f"{name}-finish")):
            self.shop.history.append(await self._sent(self.shop.new_op(number, "finish", key, f"{name}-again"), number))

    async def _is_done(self, op: Op) -> bool:
        seen = await self._sent(op, op.proc)
        if seen.out is Out.INFO and self._dice.random() < 0.5:
            seen = await self._insisted(op)
        self.shop.history.append(seen)
        return seen.out is Out.OK

    async def _insisted(self, op: Op) -> Op:
        seen = op
        for number in range(op.proc, op.proc + _TRIES):
            await asyncio.sleep(_REST_S)
            seen = await self._sent(op, number)
            if seen.out is not Out.INFO:
                break
        return seen

    async def _sent(self, op: Op, number: int) -> Op:
        try:
            seen = await self.shop.send(op, self.addresses[number % len(self.addresses)])
        except httpx.ConnectError:
            return replace(op, t1=time.monotonic())
        return replace(seen, out=Out.INFO) if seen.code == _STILL_RUNNING else seen
