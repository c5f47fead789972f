"""Sixteen clients fire random actions at twenty operations: what is seen of them is in the published table, always.

They move operations, and disturb them: timers and steps are no moves, so they are taken of what runs and move nothing.
"""

import asyncio
import random
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import TopicPartition

from takt_contracts.roles import Role
from tests.faults.checkers import flow, traces
from tests.faults.checkers.verdict import enough
from tests.faults.harness import tables, topics
from tests.faults.harness.busy_order import seen, step, told
from tests.faults.harness.judging import TOPICS
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import DESIRED, Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
PAGE = Path(__file__).parents[2] / "docs" / "transitions.md"
CLIENTS, OBJECTS, COMMANDS = 16, 20, 1_500
MACHINES = 12
HELD = {"kind": "own", "reason": "broken tool"}
STEP = {"step": "BORE", "name": "Bore", "kind": "number", "maximum": "40", "required": True}
BODIES: dict[str, dict[str, str]] = {
    "start": {},
    "report": {"good": str(DESIRED // 8)},
    "hold": HELD,
    "resume": {},
    "finish": {},
    "cancel": {"reason": "no demand"},
    "steps": {"step": "BORE", "value": "39.5"},
    "timers": {},
    "stop": {},
}
WEIGHTS = (20, 30, 20, 20, 3, 1, 15, 20, 15)
DISTURBS = ("steps", "timers")
EACH = {
    "start done": 15,
    "report done": 50,
    "hold done": 15,
    "finish done": 5,
    "steps done": 15,
    "timers done": 15,
    "stop done": 10,
    "finish step.missing": 1,
    "steps operation.not-running": 30,
    "timers operation.not-running": 30,
    "timers timer.elsewhere-already": 5,
    "stop timer.ended": 5,
}
"""How often each must have happened, or the run proves nothing."""
RUNS = ("IN_PROGRESS", "no")


class Crowd:
    """Clients who do whatever comes to their minds, and somebody who reads."""

    def __init__(self, plant: Plant, keys: list[str], machines: list[str], addresses: list[str]) -> None:
        self.read: list[Any] = []
        self.answers: Counter[str] = Counter()
        """How often a verb was done, or refused by which code."""
        self._machines, self._stops = machines, list[str]()
        self._keys, self._addresses = keys, [f"{address}/api/v1/operations" for address in addresses]
        self._dice, self._left = random.Random(7), count()
        self._client = httpx.AsyncClient(headers=plant.signer.headers(Role.ADMIN), timeout=20, trust_env=False)

    async def act(self) -> None:
        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*(self._person(number) for number in range(CLIENTS)))
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    async def _person(self, number: int) -> None:
        base = self._addresses[number % len(self._addresses)]
        while next(self._left) < COMMANDS:
            [verb], key = self._dice.choices(list(BODIES), WEIGHTS), self._dice.choice(self._keys)
            self.answers[f"{verb} {await self._do(base, verb, key)}"] += 1

    async def _do(self, base: str, verb: str, key: str) -> str:
        """`done`, or the code of the refusal."""
        path, body = self._asked(verb, key)
        headers = {"idempotency-key": str(uuid4())}
        answer = await self._client.post(f"{base}/{path}", json=body, headers=headers)
        assert answer.status_code in (200, 409), answer.text
        state = answer.json()
        if answer.status_code == 409:
            return str(state["code"])
        timer = state.get("timer")
        if timer is not None and timer["ended_at"] is None:
            self._stops.append(f"{key}/timers/{timer['id']}/stop")
        return "done"

    def _asked(self, verb: str, key: str) -> tuple[str, dict[str, str]]:
        """Stopped is any of the last timers; where none was opened yet, one is."""
        if verb == "stop" and self._stops:
            return self._dice.choice(self._stops[-MACHINES:]), {}
        if verb in ("stop", "timers"):
            return f"{key}/timers", {"kind": "machine", "machine": self._dice.choice(self._machines)}
        return f"{key}/{verb}", BODIES[verb]

    async def disturb(self) -> list[str]:
        """Now that all is quiet, what is wrong with how each operation takes what is no move."""
        found = [await self._disturbed(key, verb) for key in self._keys for verb in DISTURBS]
        return [wrong for wrong in found if wrong is not None]

    async def _disturbed(self, key: str, verb: str) -> str | None:
        [base, *_] = self._addresses
        before = seen((await self._client.get(f"{base}/{key}")).json())
        answer = await self._do(base, verb, key)
        after = seen((await self._client.get(f"{base}/{key}")).json())
        self.answers[f"{verb} {answer}"] += 1
        is_open = answer != "operation.not-running"
        if (before.place, is_open) == (after.place, before.place == RUNS):
            return None
        return f"{key} was {before.place}, answered {verb} with {answer}, and is {after.place}"

    async def leave(self) -> None:
        await self._client.aclose()

    async def _watch(self) -> None:
        while True:
            for base in self._addresses:
                self.read += (await self._client.get(base, params={"limit": "50"})).json()["data"]


async def test_no_operation_is_seen_beside_the_published_table(
    plant: Plant, log_ends: dict[TopicPartition, int]
) -> None:
    shop = Shop(plant, operations=0)
    replicas = [plant.service("api", "relay")[1] for _ in range(2)]
    await shop.open(replicas[0])
    await shop.plan(replicas[0], keys := [f"{plant.name}-{number:04}/0010" for number in range(OBJECTS)], steps=[STEP])
    await shop.add(replicas[0], "machines", machines := [f"{plant.name}-{number}" for number in range(MACHINES)])
    await shop.ready(replicas[1])
    await shop.close()
    crowd = Crowd(plant, keys, machines, replicas)
    await crowd.act()
    assert await crowd.disturb() == []
    await crowd.leave()
    print(crowd.answers.most_common())
    await tables.drained(plant)

    raw = await topics.read(plant.bootstrap, TOPICS[:1], log_ends)
    facts = told([one for one in raw if topics.headers_of(one)["ce_source"] == plant.source])
    listed = traces.published(PAGE.read_text())
    steps = [seen(state, fact) for fact, state in facts]
    passes(
        [
            enough(**{name.replace(" ", "_"): (crowd.answers[name], least) for name, least in EACH.items()}),
            traces.included(steps, [seen(state) for state in crowd.read], listed, least=100),
            flow.within([[step(state)] for state in [*crowd.read, *(state for _, state in facts)]], least=500),
        ]
    )
