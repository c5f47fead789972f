"""Sixteen clients fire random actions at twenty operations: what is seen of them is in the published table, always."""

import asyncio
import random
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

pytestmark = [pytest.mark.broker, pytest.mark.db]
PAGE = Path(__file__).parents[2] / "docs" / "transitions.md"
CLIENTS, OBJECTS, COMMANDS = 16, 20, 900
HELD = {"kind": "own", "reason": "broken tool"}
BODIES: dict[str, dict[str, str]] = {
    "start": {},
    "report": {"good": str(DESIRED // 8)},
    "hold": HELD,
    "resume": {},
    "finish": {},
    "cancel": {"reason": "no demand"},
}
WEIGHTS = (20, 35, 20, 20, 3, 2)


class Crowd:
    """Clients who do whatever comes to their minds, and somebody who reads."""

    def __init__(self, plant: Plant, keys: list[str], addresses: list[str]) -> None:
        self.read: list[Any] = []
        self.done = self.refused = 0
        self._keys, self._addresses = keys, [f"{address}/api/v1/operations" for address in addresses]
        self._dice, self._left = random.Random(7), count()
        self._client = httpx.AsyncClient(headers=plant.signer.headers(Role.ADMIN), timeout=20, trust_env=False)

    async def act(self) -> None:
        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*(self._person(number) for number in range(CLIENTS)))
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        await self._client.aclose()

    async def _person(self, number: int) -> None:
        base = self._addresses[number % len(self._addresses)]
        while next(self._left) < COMMANDS:
            [verb], key = self._dice.choices(list(BODIES), WEIGHTS), self._dice.choice(self._keys)
            headers = {"idempotency-key": str(uuid4())}
            answer = await self._client.post(f"{base}/{key}/{verb}", json=BODIES[verb], headers=headers)
            assert answer.status_code in (200, 409), answer.text
            self.done += answer.status_code == 200
            self.refused += answer.status_code == 409

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
    await shop.plan(replicas[0], keys := [f"{plant.name}-{number:04}/0010" for number in range(OBJECTS)])
    await shop.ready(replicas[1])
    await shop.close()
    crowd = Crowd(plant, keys, replicas)
    await crowd.act()
    await tables.drained(plant)

    raw = await topics.read(plant.bootstrap, TOPICS[:1], log_ends)
    facts = told([one for one in raw if topics.headers_of(one)["ce_source"] == plant.source])
    listed = traces.published(PAGE.read_text())
    steps = [seen(state, fact) for fact, state in facts]
    passes(
        [
            enough(done=(crowd.done, 100), refused=(crowd.refused, 100)),
            traces.included(steps, [seen(state) for state in crowd.read], listed, least=100),
            flow.within([[step(state)] for state in [*crowd.read, *(state for _, state in facts)]], least=500),
        ]
    )
