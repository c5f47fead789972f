"""The plant while it is disturbed: people report on operations, a planner uploads files, all through the gateway.

Every command has an id of its own: it is the request id (so events and audit entries name it), the Idempotency-Key, and
the reason of the booking (so the ledger names it).
"""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from secrets import token_hex

import httpx

from takt_contracts.roles import Role
from tests.e2e.plant import API
from tests.e2e.stack import Stack
from tests.faults.checkers.history import Op, Out, outcome_of
from tests.faults.harness import heat

PEOPLE = 8
OPERATIONS = 12
ROWS = 400
_DESIRED = "1000000"
_DEADLINE_S = 6.0
_PATIENCE_S = 60.0
"""Of what is done before any fault: a stack that has just come up is slow at first."""
_THINKING_S = 0.1
_MOST_TRIES = 4
_UPLOAD_EVERY_S = 8.0
_ENDED = ("done", "failed")


@dataclass
class Floor:
    """`keys` are started operations, each of an order of its own; `idle` is one that cannot be finished."""

    stack: Stack
    seed: int
    name: str = field(default_factory=lambda: f"C{token_hex(4)}")
    history: list[Op] = field(default_factory=list)
    uploads: dict[str, str | None] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    _sent: int = 0

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self.keys = [f"{self.name}-{number:04}/0010" for number in range(1, OPERATIONS + 1)]
        self.idle = f"{self.name}-9999/0010"
        headers, base = self.stack.headers(Role.ADMIN), f"{self.stack.gateway}{API}"
        self._client = httpx.AsyncClient(base_url=base, headers=headers, timeout=_DEADLINE_S, trust_env=False)

    async def close(self) -> None:
        await self._client.aclose()

    async def open(self) -> None:
        """A workplace, an item, the operations; all but one are started. Before any fault."""
        named = {"code": self.name, "name": "Chaos bay"}
        await self._must("/workplaces", named)
        await self._must("/items", named)
        for key in [*self.keys, self.idle]:
            order, _, number = key.partition("/")
            body = {"order_no": order, "operation_no": number, "workplace": self.name}
            await self._must("/operations", {**body, "item": self.name, "qty_desired": _DESIRED})
            if key != self.idle:
                await self._must(f"/operations/{key}/start", {}, f"start-{key}")

    async def _must(self, path: str, body: dict[str, str], key: str | None = None) -> None:
        answer = await self._client.post(
            path, json=body, headers={} if key is None else {"idempotency-key": key}, timeout=_PATIENCE_S
        )
        assert answer.is_success, answer.text

    async def work(self, over: asyncio.Event) -> None:
        """Until it is over."""
        people = [self._person(number, over) for number in range(PEOPLE)]
        await asyncio.gather(self._planner(over), *people)

    async def _person(self, number: int, over: asyncio.Event) -> None:
        while not over.is_set():
            op = self._next(number)
            careful = op.op == "report" and op.i % 2  # asks again; a refusal that is repeated has two entries
            for _ in range(_MOST_TRIES if careful else 1):
                op = await self._send(op)
                if op.out is not Out.INFO:
                    break
                await asyncio.sleep(_THINKING_S)
            self.history.append(op)
            await asyncio.sleep(_THINKING_S * self._dice.random() * 2)

    def _next(self, number: int) -> Op:
        self._sent += 1
        refused = self._sent % 8 == 7
        name, key = ("finish", self.idle) if refused else ("report", heat.pick(self._dice, self.keys))
        val = f"{self.name}-{self._sent}"
        return Op(i=self._sent, t0=time.monotonic(), t1=0, proc=number, op=name, key=key, val=val, out=Out.INFO)

    async def _send(self, op: Op) -> Op:
        body = {"good": "1", "reason": op.val} if op.op == "report" else {}
        headers = {"idempotency-key": op.val, "x-request-id": op.val}
        try:
            answer = await self._client.post(f"/operations/{op.key}/{op.op}", json=body, headers=headers)
            told = answer.json()
        except (httpx.TransportError, ValueError):  # no answer, or half of one
            self.codes["nothing"] += 1
            return replace(op, t1=time.monotonic())
        code = told.get("code")
        running = str(code).startswith("idempotency.")  # the first try is under way still
        out = Out.INFO if running else outcome_of(answer.status_code)
        self.codes[str(code or answer.status_code)] += 1
        done = replace(op, t1=time.monotonic(), out=out, http=answer.status_code, idem=op.val, code=code)
        return replace(done, ver=told.get("version")) if out is Out.OK else done

    async def _planner(self, over: asyncio.Event) -> None:
        """Uploads workbooks one after the other, each until it is answered."""
        while not over.is_set():
            prefix = f"{self.name}-{len(self.uploads):03}"
            self.uploads[prefix] = None
            while self.uploads[prefix] is None and not over.is_set():
                self.uploads[prefix] = await self._uploaded(prefix)
                await asyncio.sleep(0.3)
            await asyncio.wait([asyncio.create_task(over.wait())], timeout=_UPLOAD_EVERY_S)

    async def _uploaded(self, prefix: str) -> str | None:
        """Path of the import, or None where the gateway did not say."""
        files = {"file": (f"{prefix}.csv", _book(prefix), "text/csv")}
        key = {"idempotency-key": f"upload-{prefix}"}
        try:
            answer = await self._client.post(
                "/templates/items/uploads", files=files, data={"mode": "commit"}, headers=key
            )
        except httpx.TransportError:
            return None
        return answer.headers["location"].removeprefix(API) if answer.status_code == 202 else None

    async def imports_ended(self) -> bool:
        """Whether every file that was accepted has come to its end."""
        for prefix, location in self.uploads.items():
            if location is not None and prefix not in self.ended:
                answer = await self._client.get(location)
                state = str(answer.json()["state"]) if answer.is_success else ""
                if state not in _ENDED:
                    return False
                self.ended[prefix] = state
        return True


def item_codes(prefix: str) -> list[str]:
    """Of the rows of one file."""
    return [f"{prefix}-{number:04}" for number in range(ROWS)]


def _book(prefix: str) -> bytes:
    return "\n".join(["Item,Name", *(f"{code},Part {code}" for code in item_codes(prefix)), ""]).encode()
