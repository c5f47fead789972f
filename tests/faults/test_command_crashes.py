"""The service is killed inside a command. What clients were told is what is kept, and a retry is the same command."""

import pytest
from aiokafka import TopicPartition

from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import enough
from tests.faults.harness import judging, points, tables
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]


@pytest.mark.parametrize("passage", points.PASSAGES)
@pytest.mark.parametrize("point", points.COMMAND)
async def test_a_killed_service_keeps_commands_whole(
    plant: Plant, small_shop: Shop, log_ends: dict[TopicPartition, int], point: str, passage: int
) -> None:
    _, healthy = plant.service("api", "relay")
    await small_shop.open(healthy)
    victim, dying = plant.service("api", crash=f"{point}:{passage}")

    await small_shop.work([dying, healthy], clients=8, commands=120)
    code = await victim.ended(within_s=5)
    await tables.drained(plant)

    unsure = sum(op.out is Out.INFO for op in small_shop.history)
    guard = enough(faults=(int(code == KILLED), 1), unsure=(unsure, 1))
    passes([guard, *await judging.verdicts(plant, small_shop, log_ends, least=60)])
