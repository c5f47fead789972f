"""What the log delivers twice, once more from its beginning, in another order, or faster than a reader reads."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from takt.embedded.ports import own_port
from tests.faults.checkers.verdict import enough
from tests.faults.harness import groups, meters, tables, ticks, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import Child
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
ASIDE = "SELECT count(*) FROM parked WHERE state <> 'redriven'"
FORGET = "WITH gone AS (DELETE FROM inbox RETURNING 1) SELECT count(*) FROM gone"
LAG, REBALANCES = "takt_consumer_lag", "takt_rebalances_total"
SEED = 26


def reader(plant: Plant, **parts: Any) -> tuple[Child, str]:
    """A consumer process, and where its metrics are."""
    port = own_port()
    return plant.messaging("consumers", metrics_port=port, **parts), f"http://127.0.0.1:{port}"


async def test_versions_in_any_order_take_effect_in_theirs(plant: Plant, sent: Ticks) -> None:
    """A raw producer mixes seven versions of every key; each waits for the one before it."""
    _, address = reader(plant)
    mixed = list(sent.raw(range(8, 15)))
    random.Random(SEED).shuffle(mixed)
    await sent.put(mixed)
    await ticks.consumed(plant, sent.group, within_s=60)
    await tables.becomes(plant, 0, ASIDE, within_s=60)

    gaps = await meters.reading(address, "takt_version_gap_total")
    raw = await topics.read(plant.bootstrap, [plant.topic], {})
    passes([enough(faults=(int(gaps), 1)), *await ticks.effects(plant, raw)])


async def test_copies_and_a_group_sent_back_to_the_beginning_change_nothing(plant: Plant, sent: Ticks) -> None:
    """One record in twenty comes twice; then the group reads everything again, the second time without its inbox.

    147 records were told and 80 more after the first return; seven of them are copies, which the new inbox knows.
    """
    child, _ = reader(plant)
    copies = random.Random(SEED).sample(list(sent.raw(range(1, 8))), 7)
    await sent.put(copies)
    await ticks.consumed(plant, sent.group, within_s=60)
    dropped: list[float] = []
    for metric in ("takt_inbox_duplicates_total", "takt_versions_stale_total"):
        child.stop()
        assert await groups.rewind(plant.bootstrap, sent.group) == topics.PARTITIONS
        child, address = reader(plant)
        await sent.send(range(8, 12) if not dropped else range(12, 15))
        await ticks.consumed(plant, sent.group, within_s=60)
        dropped.append(await meters.reading(address, metric))
        await tables.value(plant, FORGET)

    assert dropped[0] >= 147, "what was read again was not known to the inbox"
    assert dropped[1] >= 220, "what was read again was not older than what had been applied"
    passes(await ticks.verdicts(plant, faults=2))


@asynccontextmanager
async def slowed(child: Child) -> AsyncIterator[None]:
    """It runs a tenth of every second."""

    async def cycle() -> None:
        while True:
            child.pause()
            await asyncio.sleep(0.9)
            child.resume()
            await asyncio.sleep(0.1)

    cycling = asyncio.create_task(cycle())
    try:
        yield
    finally:
        cycling.cancel()
        child.resume()


async def test_a_slow_reader_falls_behind_alone_and_keeps_its_place_in_the_group(plant: Plant, sent: Ticks) -> None:
    """Its heartbeats still come: no rebalance. Another group reads the same topic at its own pace."""
    slow, slow_address = reader(plant, patience={"every_s": 0.5, "still_s": 60.0})
    _, other_address = reader(plant, reader="other", patience={"every_s": 0.5, "still_s": 60.0})
    for group in (sent.group, sent.group_of("other")):
        await ticks.consumed(plant, group, within_s=60)
    async with slowed(slow):
        await sent.send(range(8, 158))
        await ticks.consumed(plant, sent.group_of("other"), within_s=60)
        behind = await meters.reading(slow_address, LAG)
        await meters.becomes(other_address, LAG, 0, within_s=30)
    await ticks.consumed(plant, sent.group, within_s=90)
    await meters.becomes(slow_address, LAG, 0, within_s=30)

    assert behind > 500
    assert [await meters.reading(address, REBALANCES) for address in (slow_address, other_address)] == [1, 1]
    raw = await topics.read(plant.bootstrap, [plant.topic], {})
    passes([
        *await ticks.verdicts(plant, faults=1),
        *await ticks.effects(plant, raw, reader="other"),
    ])  # fmt: skip
