"""Sixteen writers on twenty operations, through two replicas and their relays: no fault but haste."""

import httpx
import pytest
from aiokafka import TopicPartition

from tests.faults.checkers import contention
from tests.faults.checkers.verdict import enough
from tests.faults.harness import judging, tables
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
WRITERS = 16
COMMANDS = 640
COLLISIONS = 5
ROUNDS = 5
"""At most: on a machine that is busy with other things, writers meet less often."""


async def retries(replica: str) -> int:
    """How often a replica ran a command again because another had changed its row meanwhile, as its metrics say."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{replica}/metrics")
    found = [
        float(line.split()[-1]) for line in answer.text.splitlines() if line.startswith("takt_command_retries_total{")
    ]
    return int(sum(found))


async def test_writers_who_meet_lose_nothing_double_nothing_and_keep_the_order(
    plant: Plant, shop: Shop, log_ends: dict[TopicPartition, int]
) -> None:
    replicas = [plant.service("api", "relay")[1] for _ in range(2)]
    await shop.open(replicas[0])
    collisions = 0
    async with tables.lock_waits(plant) as waits:
        for _ in range(ROUNDS):
            await shop.race(replicas, clients=WRITERS, commands=COMMANDS)
            collisions = sum(waits) + sum([await retries(replica) for replica in replicas])
            if collisions >= COLLISIONS:
                break
    await tables.drained(plant)

    met = contention.meetings(sorted((op for op in shop.history if op.op == "report"), key=lambda op: op.t0))
    guard = enough(meetings=(met, COMMANDS // 4), collisions=(collisions, COLLISIONS))
    passes([guard, *await judging.verdicts(plant, shop, log_ends, least=COMMANDS // 2)])
