"""A relay is killed at each of its dangerous moments; another takes over. Nothing is lost and order per key holds."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.faults.checkers.verdict import Truth, overall
from tests.faults.harness import tables, telling, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED, Child
from tests.faults.harness.writers import Writers

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
PASSAGES = (1, 2, 17)


@pytest.fixture
async def writers(plant: Plant) -> AsyncIterator[Writers]:
    """Writing from the start of the run."""
    async with topics.made(plant.bootstrap, plant.topic):
        made = Writers(plant)
        await made.start()
        yield made
        await made.stop()


async def judged(plant: Plant, writers: Writers, heir: Child, *, faults: int) -> None:
    """Load goes on after the fault; then heal, drain, judge."""
    await asyncio.sleep(1.0)
    await writers.stop()
    await tables.drained(plant)
    heir.stop()
    verdicts = await telling.verdicts(plant, writers.history, faults=faults)
    print(*verdicts, sep="\n")
    assert overall(verdicts) is Truth.TRUE, "\n".join(map(str, verdicts))


@pytest.mark.parametrize("passage", PASSAGES)
@pytest.mark.parametrize("point", ["relay.after_select", "relay.after_send_before_ack", "relay.after_ack_before_mark"])
async def test_a_killed_relay_loses_nothing(plant: Plant, writers: Writers, point: str, passage: int) -> None:
    victim = plant.messaging("relay", crash=f"{point}:{passage}")
    code = await victim.ended(within_s=10)

    await judged(plant, writers, plant.messaging("relay"), faults=int(code == KILLED))
