"""A relay is killed at each of its dangerous moments; another takes over. Nothing is lost and order per key holds."""

import asyncio

import pytest

from tests.faults.harness import points, tables, telling
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED, Child, until
from tests.faults.harness.reports import passes
from tests.faults.harness.writers import Writers

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
_TAKE_A_SLOT = """
UPDATE relay_slots SET owner = 'somebody else', epoch = epoch + 1, expires_at = clock_timestamp()
WHERE slot = (SELECT slot FROM relay_slots WHERE owner <> 'somebody else' ORDER BY slot LIMIT 1)
"""


async def judged(plant: Plant, writers: Writers, heir: Child, *, faults: int) -> None:
    """Load goes on after the fault; then heal, drain, judge."""
    await writers.commit(300)
    await writers.stop()
    await tables.drained(plant)
    heir.stop()
    passes(await telling.verdicts(plant, writers.history, faults=faults))


@pytest.mark.parametrize("passage", points.PASSAGES)
@pytest.mark.parametrize("point", points.RELAY)
async def test_a_killed_relay_loses_nothing(plant: Plant, writers: Writers, point: str, passage: int) -> None:
    victim = plant.messaging("relay", crash=f"{point}:{passage}")
    code = await victim.ended(within_s=30)

    await judged(plant, writers, plant.messaging("relay"), faults=int(code == KILLED))


@pytest.mark.parametrize("passage", points.PASSAGES)
async def test_a_relay_killed_when_it_finds_its_slots_taken_loses_nothing(
    plant: Plant, writers: Writers, passage: int
) -> None:
    """Somebody takes a slot whenever it has some, as a relay does whose clock says that the lease is over."""
    victim = plant.messaging("relay", crash=f"{points.RELAY_FENCED}:{passage}")
    async with tables.superuser(plant) as connection:
        while victim.code is None:
            await connection.execute(_TAKE_A_SLOT)
            await asyncio.sleep(0.05)

    await judged(plant, writers, plant.messaging("relay"), faults=int(victim.code == KILLED))


async def test_a_relay_that_slept_past_its_lease_is_fenced_and_dies_of_it_without_loss(
    plant: Plant, writers: Writers
) -> None:
    victim, heir = await asleep_past_its_lease(plant, crash=f"{points.RELAY_FENCED}:1")
    victim.resume()
    code = await victim.ended(within_s=30)

    await judged(plant, writers, heir, faults=int(code == KILLED))


async def test_a_relay_that_slept_past_its_lease_wakes_up_beside_its_heir_in_order(
    plant: Plant, writers: Writers
) -> None:
    victim, heir = await asleep_past_its_lease(plant, crash=None)
    victim.resume()
    await until(lambda: victim.says("relay.fenced"), 10, "the sleeper to find its slots taken")

    await judged(plant, writers, heir, faults=1)


async def asleep_past_its_lease(plant: Plant, crash: str | None) -> tuple[Child, Child]:
    """Paused while it publishes; somebody else has all that it owned."""
    sleeper = plant.messaging("relay", crash=crash)
    await tables.becomes(plant, True, tables.PUBLISHING, within_s=30)
    owner = await telling.owner_of_slots(plant)
    sleeper.pause()
    heir = plant.messaging("relay")
    await telling.taken_over(plant, owner)
    return sleeper, heir
