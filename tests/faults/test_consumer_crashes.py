"""A consumer is killed at each of its dangerous moments; another takes over. Every event takes effect exactly once."""

import pytest

from tests.faults.harness import points, ticks
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED, until
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]


@pytest.mark.parametrize("passage", points.PASSAGES)
@pytest.mark.parametrize("point", points.CONSUMER)
async def test_a_killed_consumer_applies_everything_once(plant: Plant, sent: Ticks, point: str, passage: int) -> None:
    victim = plant.messaging("consumers", crash=f"{point}:{passage}")
    code = await victim.ended(within_s=40)
    plant.messaging("consumers")
    await sent.send(range(8, 15))
    await sent.send([3, 14])  # copies, as a relay that was killed sends them again
    await ticks.consumed(plant, sent.group)

    passes(await ticks.verdicts(plant, faults=int(code == KILLED)))


async def test_a_consumer_that_slept_inside_its_transaction_wakes_up_too_late_to_double_anything(
    plant: Plant, sent: Ticks
) -> None:
    """It sleeps longer than its session at the broker; the database has ended its transaction, the heir's stands."""
    sleeper = plant.messaging("consumers", consumers="tests.faults.harness.sleepers:INSIDE_A_TRANSACTION")
    await until(lambda: sleeper.is_stopped, 10, "the consumer to fall asleep")
    plant.messaging("consumers")
    await ticks.consumed(plant, sent.group)
    sleeper.resume()
    await until(lambda: sleeper.says("consumer.batch_retried"), 10, "the sleeper to find its transaction gone")
    await sent.send(range(8, 15))
    await ticks.consumed(plant, sent.group)

    passes(await ticks.verdicts(plant, faults=1))
