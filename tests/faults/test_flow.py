"""Sixteen client processes report and correct on three operations of one order: never above the ceiling, ever."""

from collections import Counter
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from tests.faults.checkers import conservation, flow, traces
from tests.faults.checkers.verdict import Verdict, enough
from tests.faults.harness import tables, topics
from tests.faults.harness.busy_order import BusyOrder, seen, step, told
from tests.faults.harness.judging import TOPICS
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import convicts, passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(580)]
CLIENTS = 16
PAGE = Path(__file__).parents[2] / "docs" / "transitions.md"
Ends = dict[TopicPartition, int]


NO_CEILING = "tests.faults.planted.commands:NO_CEILING"


async def served(plant: Plant, shop: Shop, commands: str | None = None) -> list[str]:
    """Two services that answer."""
    addresses = [plant.service("api", "relay", commands=commands)[1], plant.service("api", commands=commands)[1]]
    for address in addresses:
        await shop.ready(address)
    return addresses


async def judged(plant: Plant, order: BusyOrder, since: Ends, *, least: int) -> list[Verdict]:
    """What the watcher read, what was told, and what is in the tables at the end."""
    await tables.drained(plant, within_s=60)
    raw = await topics.read(plant.bootstrap, TOPICS[:1], since)
    facts = told([one for one in raw if topics.headers_of(one)["ce_source"] == plant.source])
    moments = [[step(state) for state in states] for states in order.read]
    table = traces.published(PAGE.read_text())
    read = [seen(state) for states in order.read for state in states]
    return [
        flow.within(moments, least=least // 20),
        flow.within([[step(state)] for _, state in facts], least=least),
        flow.corrections(await order.entries(), least=least // 100),
        conservation.quantities(await order.balances(), least=least),
        traces.included([seen(state, fact) for fact, state in facts], read, table, least=least),
    ]


def refused_by_the_ceiling(answers: Counter[str]) -> int:
    names = ("report operation.over-handed-over", "report operation.over-desired")
    return sum(answers[name] for name in names)


async def test_ten_thousand_reports_never_pass_the_ceiling(plant: Plant, shop: Shop, log_ends: Ends) -> None:
    order = BusyOrder(plant, desired=5_500)
    addresses = await served(plant, shop)
    await order.open(addresses[0])
    async with tables.lock_waits(plant) as waits, order.watched(addresses[0]):
        answers = await order.work(addresses, clients=CLIENTS, commands=660, corrections_percent=5)
    print(answers.most_common())
    reports = sum(count for name, count in answers.items() if name.startswith("report"))
    guard = enough(
        reports=(reports, 10_000), refused=(refused_by_the_ceiling(answers), 500), lock_waits=(sum(waits), 500)
    )
    passes([guard, *await judged(plant, order, log_ends, least=1_000)])


async def worked(plant: Plant, shop: Shop, commands: str | None) -> tuple[BusyOrder, Counter[str]]:
    """A short run of services whose commands are run by these strategies."""
    order = BusyOrder(plant, desired=5_500)
    addresses = await served(plant, shop, commands)
    await order.open(addresses[0])
    async with order.watched(addresses[0]):
        answers = await order.work(addresses, clients=CLIENTS, commands=120, corrections_percent=30)
    return order, answers


async def without_trigger(plant: Plant) -> None:
    async with tables.superuser(plant) as connection:
        await connection.execute("ALTER TABLE operations DISABLE TRIGGER keep_flow")


async def test_a_ceiling_that_commands_do_not_look_at_is_kept_by_the_database(
    plant: Plant, shop: Shop, log_ends: Ends
) -> None:
    """Defence in depth: commands look so that a refusal says what is left, the trigger so that no race passes."""
    order, answers = await worked(plant, shop, NO_CEILING)
    guard = enough(refused=(refused_by_the_ceiling(answers), 40))
    passes([guard, *await judged(plant, order, log_ends, least=100)])


@pytest.mark.parametrize("commands", [None, NO_CEILING], ids=["looked at without a lock", "not looked at"])
async def test_a_ceiling_that_the_database_does_not_keep_is_convicted(
    plant: Plant, shop: Shop, log_ends: Ends, commands: str | None
) -> None:
    """Two mistakes are planted, as one alone is caught: the trigger is off, and commands see nothing around (handed in
    by constructor), or see it and nobody holds what they saw.
    """
    await without_trigger(plant)
    order, _ = await worked(plant, shop, commands)
    convicts(await judged(plant, order, log_ends, least=100), "overdrawn")
