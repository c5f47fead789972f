"""A consumer is killed at each of its dangerous moments; another takes over. Every event takes effect exactly once."""

import pytest

from tests.faults.harness import ticks
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]


@pytest.mark.parametrize("passage", [1, 2, 17])
@pytest.mark.parametrize(
    "point", ["consumer.after_poll", "consumer.after_effect_before_commit", "consumer.after_commit_before_offset"]
)
async def test_a_killed_consumer_applies_everything_once(plant: Plant, sent: Ticks, point: str, passage: int) -> None:
    victim = plant.messaging("consumers", crash=f"{point}:{passage}")
    code = await victim.ended(within_s=10)
    plant.messaging("consumers")
    await sent.send(range(8, 15))
    await sent.send([3, 14])  # copies, as a relay that was killed sends them again
    await ticks.consumed(plant, sent.group)

    passes(await ticks.verdicts(plant, faults=int(code == KILLED)))
