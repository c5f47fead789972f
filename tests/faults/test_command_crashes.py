"""The service is killed inside a command. What clients were told is what is kept, and a retry is the same command."""

import pytest
from aiokafka import TopicPartition

from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import enough
from tests.faults.harness import judging, meters, points, tables
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
COMMANDS = 160
"""Enough for twenty of them to be refused, so that the 17th refusal is met too."""


async def killed(plant: Plant, shop: Shop, crash: str) -> tuple[int, str]:
    """Clients work through the death of one of two services. Answers how many died, and where the other is."""
    _, healthy = plant.service("api", "relay")
    await shop.open(healthy)
    victim, dying = plant.service("api", crash=crash)
    await shop.work([dying, healthy], clients=8, commands=COMMANDS)
    return int(await victim.ended(within_s=30) == KILLED), healthy


@pytest.mark.parametrize("passage", points.PASSAGES)
@pytest.mark.parametrize("point", [*points.COMMAND, points.AUDIT])
async def test_a_killed_service_keeps_commands_whole(
    plant: Plant, small_shop: Shop, log_ends: dict[TopicPartition, int], point: str, passage: int
) -> None:
    faults, _ = await killed(plant, small_shop, f"{point}:{passage}")
    await tables.drained(plant)

    unsure = sum(op.out is Out.INFO for op in small_shop.history)
    guard = enough(faults=(faults, 1), unsure=(unsure, 1))
    passes([guard, *await judging.verdicts(plant, small_shop, log_ends, least=COMMANDS // 2)])


async def test_a_retry_after_the_death_gets_the_stored_answer(
    plant: Plant, small_shop: Shop, log_ends: dict[TopicPartition, int]
) -> None:
    small_shop.repeats = False
    faults, healthy = await killed(plant, small_shop, "cmd.after_commit_before_response:17")
    before = await meters.reading(healthy, "takt_idempotency_replays_total")

    retried = await small_shop.retry(healthy)
    await tables.drained(plant)

    replays = await meters.reading(healthy, "takt_idempotency_replays_total") - before
    guard = enough(faults=(faults, 1), retried=(retried, 1), replays=(int(replays), 1))
    passes([guard, *await judging.verdicts(plant, small_shop, log_ends, least=COMMANDS // 2)])
