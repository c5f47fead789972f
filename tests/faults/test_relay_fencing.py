"""What a relay tells twice takes effect once, a relay whose slots were taken marks nothing, and both are counted."""

from collections import Counter

import pytest

from takt.embedded.ports import own_port
from tests.faults.checkers.verdict import enough
from tests.faults.harness import meters, tables, telling, ticks, topics
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import KILLED, until
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import Ticks
from tests.faults.harness.writers import Writers

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(240)]
SLEEPY = "tests.faults.harness.relay_sleepers:BEFORE_A_MARK"
PUBLISHED, FENCED, DUPLICATES = (
    "takt_outbox_published_total",
    "takt_relay_fenced_total",
    "takt_inbox_duplicates_total",
)
_TAKE_ALL = """
UPDATE relay_slots SET owner = 'somebody else', epoch = epoch + 1, expires_at = clock_timestamp() + interval '1 hour'
"""
_LET_GO = "UPDATE relay_slots SET expires_at = clock_timestamp() WHERE owner = 'somebody else'"


def counted(port: int) -> str:
    return f"http://127.0.0.1:{port}"


async def copies(plant: Plant) -> tuple[int, int]:
    """Records of the topic, and how many of them are repetitions."""
    told = Counter(topics.as_record(one).id for one in await topics.read(plant.bootstrap, [plant.topic], {}))
    return told.total(), told.total() - len(told)


async def test_what_a_killed_relay_tells_again_takes_effect_once(plant: Plant, writers: Writers) -> None:
    """Killed between acknowledgement and mark: its heir cannot know, and tells the page again."""
    port, group = own_port(), Ticks(plant).group
    plant.messaging("consumers", metrics_port=port)
    victim = plant.messaging("relay", crash="relay.after_ack_before_mark:3")
    code = await victim.ended(within_s=30)
    plant.messaging("relay")
    await writers.commit(300)
    await writers.stop()
    await tables.drained(plant)
    await ticks.consumed(plant, group)

    _, repeated = await copies(plant)
    faults = int(code == KILLED)
    passes([
        enough(repeated=(repeated, 1)),
        *await telling.verdicts(plant, writers.history, faults=faults),
        *await ticks.verdicts(plant, faults=faults),
    ])  # fmt: skip
    assert await meters.reading(counted(port), DUPLICATES) == repeated


async def test_a_relay_that_slept_between_acknowledgement_and_mark_doubles_nothing_but_records(
    plant: Plant, writers: Writers
) -> None:
    """It wakes up beside its heir, who has told its page again.

    Both counters together say so: more than there are rows, and no more than the log holds. What was on its way when
    the sleeper was fenced is in the log and nobody counts it.
    """
    group, reader, first, second = Ticks(plant).group, *(own_port() for _ in range(3))
    plant.messaging("consumers", metrics_port=reader)
    sleeper = plant.messaging("relay", relay=SLEEPY, metrics_port=first)
    await until(lambda: sleeper.is_stopped, 20, "the relay to fall asleep")
    owner = await telling.owner_of_slots(plant)
    plant.messaging("relay", metrics_port=second)
    await telling.taken_over(plant, owner)
    await writers.commit(300)
    sleeper.resume()
    await until(lambda: sleeper.says("relay.fenced"), 20, "the sleeper to find its slots taken")
    await writers.commit(300)
    await writers.stop()
    await tables.drained(plant)
    await ticks.consumed(plant, group)

    records, repeated = await copies(plant)
    passes([
        enough(repeated=(repeated, 1)),
        *await telling.verdicts(plant, writers.history, faults=1),
        *await ticks.verdicts(plant, faults=1),
    ])  # fmt: skip
    assert await meters.reading(counted(first), FENCED) >= 1
    told = sum([await meters.reading(counted(port), PUBLISHED) for port in (first, second)])
    assert records - repeated < told <= records
    assert await meters.reading(counted(reader), DUPLICATES) == repeated


async def test_a_stale_epoch_marks_nothing(plant: Plant, writers: Writers) -> None:
    """Whoever took the slots publishes nothing here: a row that is marked now was marked by the sleeper."""
    port = own_port()
    sleeper = plant.messaging("relay", relay=SLEEPY, metrics_port=port)
    await until(lambda: sleeper.is_stopped, 20, "the relay to fall asleep")
    await writers.commit(200)
    await writers.stop()
    left = await tables.value(plant, f"WITH taken AS ({_TAKE_ALL} RETURNING 1) {tables.UNPUBLISHED}")
    sleeper.resume()
    await until(lambda: sleeper.says("relay.fenced"), 20, "the sleeper to find its slots taken")

    assert await tables.value(plant, tables.UNPUBLISHED) == left > 0
    assert await meters.reading(counted(port), FENCED) >= 1
    async with tables.superuser(plant) as connection:
        await connection.execute(_LET_GO)
    await tables.drained(plant)
    passes(await telling.verdicts(plant, writers.history, faults=1))
    rows = len(await tables.told(plant, plant.topic))
    assert await meters.reading(counted(port), PUBLISHED) > rows
