"""A shop floor of clients: they report on few operations over HTTP, many at once, and write down what they were told.

Every command has an id of its own: it is the request id (so events and audit entries name it), the Idempotency-Key, and
the reason of the booking (so the ledger names it).
"""

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from takt_contracts.roles import Role
from tests.faults.checkers.history import Op, Out, outcome_of
from tests.faults.harness import heat
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import Stuck

DESIRED = 1_000_000
STEP = "0010"
"""Number of the one operation of each order: none waits for what another hands over."""
LIFE = "life"
"""Number of the one operation of an order that a client leads from its creation to its end."""
FIRST_REPORT = 3  # versions: 1 created, 2 started
_LOST = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError, httpx.TimeoutException)
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout)


@dataclass
class Shop:
    """`operations` are started; `idle` ones are not, so that finishing them is refused. `repeats` says whether every
    second report that got no answer is sent once more at once.
    """

    plant: Plant
    operations: int = 20
    seed: int = 1
    repeats: bool = True
    timeout_s: float = 10
    history: list[Op] = field(default_factory=list)
    _sent: int = 0

    def __post_init__(self) -> None:
        authorization = self.plant.signer.headers(Role.ADMIN)
        self._client = httpx.AsyncClient(headers=authorization, timeout=self.timeout_s, trust_env=False)
        self._dice = random.Random(self.seed)
        self.keys = [f"{self.plant.name}-{number:04}/{STEP}" for number in range(self.operations)]
        self.idle = f"{self.plant.name}-9999/{STEP}"

    async def close(self) -> None:
        await self._client.aclose()

    async def open(self, address: str) -> None:
        """A workplace, an item, the operations."""
        await self.ready(address)
        code = f"F-{self.plant.name}"
        await self._must(f"{address}/api/v1/workplaces", {"code": code, "name": "Fault bay"})
        await self._must(f"{address}/api/v1/items", {"code": code, "name": "Faulty part"})
        await asyncio.gather(*(self._plan(address, key) for key in [*self.keys, self.idle]))

    async def plan(self, address: str, keys: Sequence[str], **more: Any) -> None:
        """Operations that nobody has started."""
        url = f"{address}/api/v1/operations"
        await asyncio.gather(*(self._must(url, self._planned(key) | more) for key in keys))

    async def _plan(self, address: str, key: str) -> None:
        order, _, number = key.partition("/")
        await self.plan(address, [key])
        if key != self.idle:
            await self._must(f"{address}/api/v1/operations/{key}/start", {}, f"start-{order}-{number}")

    def _planned(self, key: str) -> dict[str, str]:
        order, _, number = key.partition("/")
        code = f"F-{self.plant.name}"
        return {"order_no": order, "operation_no": number, "workplace": code, "item": code, "qty_desired": f"{DESIRED}"}

    async def add(self, address: str, plural: str, codes: Sequence[str]) -> None:
        """Resources that need no more than a name."""
        url = f"{address}/api/v1/{plural}"
        await asyncio.gather(*(self._must(url, {"code": code, "name": code}) for code in codes))

    async def _must(self, url: str, body: dict[str, Any], key: str | None = None) -> None:
        headers = {} if key is None else {"idempotency-key": key}
        answer = await self._client.post(url, json=body, headers=headers, timeout=20)
        assert answer.is_success, answer.text

    async def ready(self, address: str) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if (await self._client.get(f"{address}/health/live")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)
        raise Stuck(f"{address} does not answer")

    async def work(self, addresses: Sequence[str], *, clients: int, commands: int) -> None:
        """So many commands in all. Each goes to the first address that can be reached; repeats go to the last."""
        await asyncio.gather(*(self.ready(address) for address in addresses))
        left = iter(range(commands))
        await asyncio.gather(*(self._patient(addresses, number, left) for number in range(clients)))

    async def retry(self, address: str) -> int:
        """Every report that got no definite answer is sent once more, as it was. Answers how many were."""
        unsure = [op for op in self.history if op.out is Out.INFO and op.op == "report"]
        for op in unsure:
            self.history[self.history.index(op)] = await self.send(op, address)
        return len(unsure)

    async def race(self, addresses: Sequence[str], *, clients: int, commands: int) -> None:
        """So many commands in all, spread over the addresses. Now and then a client is hasty: it sends its
        report to all addresses at once, under one Idempotency-Key.
        """
        await asyncio.gather(*(self.ready(address) for address in addresses))
        left = iter(range(commands))
        await asyncio.gather(*(self._racer(addresses, number, left) for number in range(clients)))

    async def _patient(self, addresses: Sequence[str], number: int, left: Iterator[int]) -> None:
        for command in left:
            op = await self._first_reached(self._next(number, refused=command % 8 == 7), addresses)
            if self.repeats and op.out is Out.INFO and op.op == "report" and op.i % 2:
                op = await self.send(op, addresses[-1])
            self.history.append(op)

    async def _racer(self, addresses: Sequence[str], number: int, left: Iterator[int]) -> None:
        for command in left:
            op = self._next(number, refused=command % 8 == 7)
            hasty = op.op == "report" and command % 10 == 3
            chosen = addresses if hasty else [addresses[number % len(addresses)]]
            answers = await asyncio.gather(*(self.send(op, address) for address in chosen))
            self.history.append(min(answers, key=lambda answer: answer.out is not Out.OK))

    def _next(self, number: int, *, refused: bool) -> Op:
        return self.new_op(number, "finish", self.idle) if refused else self.new_report(number)

    def new_report(self, number: int) -> Op:
        return self.new_op(number, "report", heat.pick(self._dice, self.keys))

    def new_op(self, number: int, name: str, key: str, val: str | None = None) -> Op:
        """A command of client `number` that is about to be sent; without `val` it gets an id of its own."""
        self._sent += 1
        made = val or f"{self.plant.name}-{self._sent}"
        return Op(i=self._sent, t0=time.monotonic(), t1=0, proc=number, op=name, key=key, val=made, out=Out.INFO)

    async def _first_reached(self, op: Op, addresses: Sequence[str]) -> Op:
        for address in addresses:
            try:
                return await self.send(op, address)
            except _NOT_REACHED:
                continue
        raise Stuck("no service can be reached")

    async def send(self, op: Op, address: str) -> Op:
        """What became of it. Raises httpx.ConnectError when nothing can have."""
        headers = {"idempotency-key": op.val, "x-request-id": op.val}
        path, body = self._asked(op)
        try:
            answer = await self._client.post(f"{address}/api/v1/operations{path}", json=body, headers=headers)
        except _LOST:
            return replace(op, t1=time.monotonic())
        out = outcome_of(answer.status_code)
        told = answer.json()
        return replace(
            op,
            t1=time.monotonic(),
            out=out,
            http=answer.status_code,
            idem=op.val,
            ver=told.get("version") if out is Out.OK else None,
            code=told.get("code"),
        )

    def _asked(self, op: Op) -> tuple[str, dict[str, str]]:
        if op.op == "create":
            return "", self._planned(op.key)
        return f"/{op.key}/{op.op}", {"good": "1", "reason": op.val} if op.op == "report" else {}
