"""Wrong consumers are convicted within one run each; the product passes the same runs."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.faults.checkers.verdict import Verdict
from tests.faults.harness import tables, ticks
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED
from tests.faults.harness.reports import convicts, passes
from tests.faults.harness.ticks import Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
Run = Callable[[Plant, Ticks, str | None], Awaitable[int]]
PLANTED = "tests.faults.planted.consumers"
PONDEROUS = "tests.faults.harness.sleepers:PONDEROUS"
_FORGET = "WITH gone AS (DELETE FROM inbox RETURNING 1) SELECT count(*) FROM gone"


async def killed_before_commit(plant: Plant, sent: Ticks, consumers: str | None) -> int:
    return await _killed(plant, consumers, "consumer.after_effect_before_commit:2")


async def killed_after_commit(plant: Plant, sent: Ticks, consumers: str | None) -> int:
    """The second transaction of the wrong build is where the product has none: it dies behind its only one."""
    point = "consumer.after_commit_before_offset" if consumers is None else "planted.between_two_transactions"
    return await _killed(plant, consumers, f"{point}:2")


async def killed_in_a_long_batch(plant: Plant, sent: Ticks, consumers: str | None) -> int:
    """Long enough that a client which commits by itself has said that the batch is done."""
    return await _killed(plant, consumers or PONDEROUS, "consumer.after_effect_before_commit:2")


async def read_by_two_groups(plant: Plant, sent: Ticks, consumers: str | None) -> int:
    """Both keep what they have seen in one database. The second comes when the first has seen everything."""
    plant.messaging("consumers", consumers=consumers, reader="other")
    await ticks.consumed(plant, sent.group_of("other"))
    plant.messaging("consumers", consumers=consumers)
    return 1


async def copied_after_the_inbox_forgot(plant: Plant, sent: Ticks, consumers: str | None) -> int:
    """The ids are kept 30 days; a relay that slept longer, or a replay, sends old versions once more."""
    plant.messaging("consumers", consumers=consumers)
    await ticks.consumed(plant, sent.group)
    forgotten = await tables.value(plant, _FORGET)
    await sent.send([3, 5])
    return int(forgotten > 0)


async def _killed(plant: Plant, consumers: str | None, crash: str) -> int:
    victim = plant.messaging("consumers", consumers=consumers, crash=crash)
    code = await victim.ended(within_s=40)
    plant.messaging("consumers", consumers=consumers)
    return int(code == KILLED)


async def outcome(plant: Plant, sent: Ticks, run: Run, consumers: str | None) -> list[Verdict]:
    faults = await run(plant, sent, consumers)
    await sent.send(range(8, 13))
    await ticks.consumed(plant, sent.group)
    await asyncio.sleep(0.3)  # a wrong build may say that it is done before it is
    return await ticks.verdicts(plant, faults=faults)


@pytest.mark.parametrize(
    ("consumers", "run", "kinds"),
    [
        ("OFFSET_BEFORE_EFFECT", killed_before_commit, ("lost",)),
        ("INBOX_IN_A_SECOND_TRANSACTION", killed_after_commit, ("duplicate",)),
        ("NO_VERSION_GUARD", copied_after_the_inbox_forgot, ("duplicate", "stale")),
        ("OFFSETS_COMMITTED_BY_THE_CLIENT", killed_in_a_long_batch, ("lost",)),
        ("NO_NAME_IN_THE_INBOX", read_by_two_groups, ("lost",)),
    ],
)
async def test_a_wrong_consumer_is_convicted(
    plant: Plant, sent: Ticks, consumers: str, run: Run, kinds: tuple[str, ...]
) -> None:
    convicts(await outcome(plant, sent, run, f"{PLANTED}:{consumers}"), *kinds)


@pytest.mark.parametrize(
    "run",
    [
        killed_before_commit,
        killed_after_commit,
        copied_after_the_inbox_forgot,
        killed_in_a_long_batch,
        read_by_two_groups,
    ],
)
async def test_the_consumer_of_the_product_passes_the_same_run(plant: Plant, sent: Ticks, run: Run) -> None:
    passes(await outcome(plant, sent, run, None))
