"""Wrong ways to run a command are convicted within one run each; the product passes the same runs."""

from collections.abc import Awaitable, Callable

import pytest
from aiokafka import TopicPartition

from tests.faults.checkers.verdict import Verdict, enough
from tests.faults.harness import judging, tables
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED
from tests.faults.harness.repeats import CALLERS, Repeats
from tests.faults.harness.reports import convicts, passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(200)]
Ends = dict[TopicPartition, int]
Run = Callable[[Plant, Shop, Ends, str | None], Awaitable[list[Verdict]]]
PLANTED = "tests.faults.planted.commands"
COMMANDS = 160
KEYS, COPIES = 12, 20


async def killed_inside(plant: Plant, shop: Shop, log_ends: Ends, commands: str | None) -> list[Verdict]:
    """One of two services dies: the wrong build between its two transactions, the product behind its only one."""
    point = "cmd.after_commit_before_response" if commands is None else "planted.between_two_transactions"
    _, healthy = plant.service("api", "relay")
    await shop.open(healthy)
    victim, dying = plant.service("api", commands=commands, crash=f"{point}:5")
    await shop.work([dying, healthy], clients=8, commands=COMMANDS)
    guard = enough(faults=(int(await victim.ended(within_s=30) == KILLED), 1))
    return [guard, *await _judged(plant, shop, log_ends)]


async def racing(plant: Plant, shop: Shop, log_ends: Ends, commands: str | None) -> list[Verdict]:
    """Sixteen writers on few operations, through two services: no fault but haste."""
    _, first = plant.service("api", "relay", commands=commands)
    _, second = plant.service("api", commands=commands)
    await shop.open(first)
    await shop.race([first, second], clients=16, commands=COMMANDS)
    return await _judged(plant, shop, log_ends)


async def repeating(plant: Plant, shop: Shop, log_ends: Ends, commands: str | None) -> list[Verdict]:
    """Twenty copies of each command at once, by two callers who happen to use the same keys."""
    _, address = plant.service("api", commands=commands)
    await shop.open(address)
    repeats = Repeats(plant, [address], shop.keys, timeout_s=20)
    await repeats.send(keys=KEYS, at_once=2, copies=COPIES)
    await repeats.close()
    return [await repeats.verdict(least=KEYS * len(CALLERS))]


async def _judged(plant: Plant, shop: Shop, log_ends: Ends) -> list[Verdict]:
    await tables.drained(plant)
    return await judging.verdicts(plant, shop, log_ends, least=COMMANDS // 4)


@pytest.mark.parametrize(
    ("commands", "run", "kinds"),
    [
        ("EVENT_AFTER_COMMIT", killed_inside, ("torn",)),
        ("NO_VERSION_PREDICATE", racing, ("twice", "torn", "unfounded")),
        ("ANSWER_AFTER_EFFECT", repeating, ("doubled",)),
        ("KEY_OF_ANYBODY", repeating, ("refused",)),
    ],
)
async def test_a_wrong_way_to_run_a_command_is_convicted(
    plant: Plant, small_shop: Shop, log_ends: Ends, commands: str, run: Run, kinds: tuple[str, ...]
) -> None:
    convicts(await run(plant, small_shop, log_ends, f"{PLANTED}:{commands}"), *kinds)


@pytest.mark.parametrize("run", [killed_inside, racing, repeating])
async def test_the_product_passes_the_same_run(plant: Plant, small_shop: Shop, log_ends: Ends, run: Run) -> None:
    passes(await run(plant, small_shop, log_ends, None))
