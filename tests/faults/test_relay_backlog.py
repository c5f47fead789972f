"""A backlog of 100,000 rows drains beside commands, which are all answered; nothing is lost and order per key holds.

What commands take meanwhile is held against what they take without a backlog, before and after it in the same run.
"""

import asyncio
import time
from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition

from tests.faults.checkers import order, queue
from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import enough
from tests.faults.harness import tables, topics
from tests.faults.harness.open_loop import Latencies, OpenLoop, quantile
from tests.faults.harness.plant import Plant
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(500)]
ROWS, AGGREGATES = 100_000, 2_000
RATE_PER_S = 40.0
BASELINE_S = 15.0
SLOWED_AT_MOST = 1.5  # of the median
DRAINS_PER_S = 1_500.0  # it gives way to commands; alone it is over 20,000
_ALL_SLOTS = 16
# A scrape would take as long as several commands, from the one who times them too.
_WAITS = "SELECT EXISTS (SELECT FROM outbox_pending WHERE aggregatetype = 'tick')"
_FILL = """
INSERT INTO outbox (id, month, slot, aggregatetype, aggregateid, version, topic, key, type, time, headers, payload)
SELECT id, date_trunc('month', clock_timestamp())::date, number % $4, 'tick', name, version, $1, name,
       $1 || '.appended.v1', clock_timestamp(),
       jsonb_build_object('ce_specversion', '1.0', 'ce_id', id, 'ce_source', $5::text, 'ce_subject', name,
                          'ce_type', $1 || '.appended.v1', 'ce_sequence', lpad(version::text, 12, '0'),
                          'content-type', 'application/json'),
       json_build_object('version', version, 'state', json_build_object('name', name, 'count', version),
                         'padding', repeat('x', 500))
FROM (SELECT gen_random_uuid() AS id, number, 'backlog-' || number AS name, version
      FROM generate_series(1, $2::int) AS number, generate_series(1, $3::int) AS version) AS rows
"""


async def fill(plant: Plant) -> None:
    """Committed at once, as when the broker comes back after an hour."""
    async with tables.superuser(plant) as connection:
        await connection.execute(_FILL, plant.topic, AGGREGATES, ROWS // AGGREGATES, _ALL_SLOTS, plant.source)


async def judged(plant: Plant) -> None:
    raw = [topics.as_record(one) for one in await topics.read(plant.bootstrap, [plant.topic], {})]
    kept = dict.fromkeys(await tables.told(plant, plant.topic), Out.OK)
    passes([queue.account(kept, [record.id for record in raw], least=ROWS), order.first_seen(raw, least=ROWS)])


@pytest.mark.parametrize("loops", [["api,relay"], ["api", "relay"]], ids=["one process", "split"])
async def test_a_backlog_drains_beside_commands_and_in_order(
    plant: Plant, shop: Shop, log_ends: dict[TopicPartition, int], loops: Sequence[str]
) -> None:
    (_, address), *_ = [plant.service(*names.split(",")) for names in loops]
    await shop.open(address)
    commands = OpenLoop(plant, address, shop.keys, rate_per_s=RATE_PER_S)
    async with topics.made(plant.bootstrap, plant.topic):
        await commands.offer(lambda s: s > 3)  # to warm up
        alone = await commands.offer(lambda s: s > BASELINE_S)
        await fill(plant)
        beside, seconds = await drained_beside(plant, commands)
        alone += await commands.offer(lambda s: s > BASELINE_S)
        await commands.close()
        compared(alone, beside, seconds)
        await judged(plant)


async def drained_beside(plant: Plant, commands: OpenLoop) -> tuple[Latencies, float]:
    """Latencies while the relay works off its backlog, and how long it took."""
    started, is_drained = time.monotonic(), asyncio.Event()

    async def watch() -> float:
        await tables.becomes(plant, False, _WAITS, within_s=200)
        is_drained.set()
        return time.monotonic() - started

    async with asyncio.TaskGroup() as both:
        watching = both.create_task(watch())
        found = await commands.offer(lambda _: is_drained.is_set())
    return found, watching.result()


def compared(alone: Latencies, beside: Latencies, seconds: float) -> None:
    """Prints what was measured, and holds it against what is promised."""
    shown = [
        f"p{share * 100:g} {quantile(alone, share) * 1000:.1f} ms alone, {quantile(beside, share) * 1000:.1f} ms beside"
        for share in (0.5, 0.95)
    ]
    print(f"{ROWS / seconds:,.0f} rows/s; {len(alone)} and {len(beside)} commands; {'; '.join(shown)}")
    passes([enough(alone=(len(alone), 500), beside=(len(beside), 50))])
    assert ROWS / seconds >= DRAINS_PER_S
    assert quantile(beside, 0.5) <= SLOWED_AT_MOST * quantile(alone, 0.5)
