"""Members of a group come, go, die and sleep while events flow: nothing is lost, nothing doubled."""

import asyncio

import pytest

from takt.embedded.ports import own_port
from tests.faults.harness import meters, ticks
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import Child, until
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
SLEEPERS = "tests.faults.harness.sleepers"
REBALANCES, DUPLICATES = "takt_rebalances_total", "takt_inbox_duplicates_total"


class Member:
    """A consumer process and its metrics."""

    def __init__(self, plant: Plant, consumers: str | None = None) -> None:
        port = own_port()
        self.address = f"http://127.0.0.1:{port}"
        self.process: Child = plant.messaging("consumers", consumers=consumers, metrics_port=port)

    async def joined(self) -> None:
        await until(lambda: self.process.says("consumer.assigned"), 30, "a member to be given partitions")

    async def reading(self, name: str) -> float:
        return await meters.reading(self.address, name)


@pytest.mark.parametrize("asleep", ["INSIDE_A_TRANSACTION", "AFTER_THE_COMMIT"])
async def test_a_member_that_sleeps_past_its_session_doubles_nothing_when_it_wakes(
    plant: Plant, sent: Ticks, asleep: str
) -> None:
    """The other one takes its partitions over: the database has ended its transaction, or has its effects already."""
    sleeper = Member(plant, f"{SLEEPERS}:{asleep}")
    await until(lambda: sleeper.process.is_stopped, 30, "a member to fall asleep")
    heir = Member(plant)
    await heir.joined()  # not before the broker has given the sleeper up
    await sent.send(range(8, 12))
    await ticks.consumed(plant, sent.group, within_s=60)
    dropped = await heir.reading(DUPLICATES)
    sleeper.process.resume()
    await meters.becomes(sleeper.address, REBALANCES, 2, within_s=60)
    await sent.send(range(12, 15))
    await ticks.consumed(plant, sent.group, within_s=60)

    assert (dropped > 0) == (asleep == "AFTER_THE_COMMIT")
    assert await heir.reading(REBALANCES) >= 2  # alone, then beside the one that woke up
    passes(await ticks.verdicts(plant, faults=1))


async def test_members_that_join_leave_and_die_under_load_lose_and_double_nothing(plant: Plant, sent: Ticks) -> None:
    first = Member(plant)
    await first.joined()
    telling = asyncio.create_task(_tell(sent))
    second, third = Member(plant), Member(plant)
    await second.joined()
    await third.joined()
    second.process.kill()
    fourth = Member(plant)
    await fourth.joined()
    third.process.stop()
    await telling
    await ticks.consumed(plant, sent.group, within_s=60)

    assert await first.reading(REBALANCES) >= 4
    passes(await ticks.verdicts(plant, faults=int(second.process.code is not None)))


async def _tell(sent: Ticks) -> None:
    for version in range(8, 158):
        await sent.send([version])
