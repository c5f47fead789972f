"""Wrong relays are convicted within one run each; the product passes the same runs."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.checkers.verdict import Verdict
from tests.faults.harness import tables, telling
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import convicts, passes
from tests.faults.harness.writers import Writers

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
Run = Callable[[Plant, Writers, str | None], Awaitable[int]]
PLANTED = "tests.faults.planted.relays"


async def one_relay(plant: Plant, writers: Writers, relay: str | None) -> int:
    """No fault but the race between commits. Answers how many faults landed."""
    plant.messaging("relay", relay=relay)
    await _publishing(plant)
    await writers.commit(800)
    return 1


async def two_relays(plant: Plant, writers: Writers, relay: str | None) -> int:
    """Both find a backlog and go on under load."""
    await writers.commit(400)
    plant.messaging("relay", relay=relay)
    return await one_relay(plant, writers, relay)


async def killed_relays(plant: Plant, writers: Writers, relay: str | None) -> int:
    """Three are killed while they publish."""
    for landed in range(3):
        victim = plant.messaging("relay", relay=relay)
        await _publishing(plant)
        await asyncio.sleep(0.2 + landed * 0.17)
        victim.kill()
    plant.messaging("relay", relay=relay)
    return 3


async def _publishing(plant: Plant) -> None:
    """Wait until the relay that was just started has marked something."""
    before = await tables.value(plant, f"SELECT {tables.PUBLISHED}")
    await tables.becomes(plant, True, f"SELECT {tables.PUBLISHED} > $1", before, within_s=30)


async def outcome(plant: Plant, writers: Writers, run: Run, relay: str | None) -> list[Verdict]:
    faults = await run(plant, writers, relay)
    await writers.stop()
    await (tables.drained(plant) if relay is None else tables.quiet(plant))
    return await telling.verdicts(plant, writers.history, faults=faults)


@pytest.mark.parametrize(
    ("relay", "run", "kinds"),
    [
        ("POINTER", one_relay, ("lost", "gap")),
        ("SKIP_LOCKED", two_relays, ("inversion",)),
        ("MARK_BEFORE_ACK", killed_relays, ("lost",)),
    ],
)
async def test_a_wrong_relay_is_convicted(
    plant: Plant, writers: Writers, relay: str, run: Run, kinds: tuple[str, ...]
) -> None:
    convicts(await outcome(plant, writers, run, f"{PLANTED}:{relay}"), *kinds)


@pytest.mark.parametrize("run", [one_relay, two_relays, killed_relays])
async def test_the_relay_of_the_product_passes_the_same_run(plant: Plant, writers: Writers, run: Run) -> None:
    passes(await outcome(plant, writers, run, None))
