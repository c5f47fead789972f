"""A broker that lost its log gets every event again from the archive, in order, beside relays and consumers at work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from libs.plantkit.tests.messaging.support import (
    Machinery,
    commit,
    effects,
    first_seen,
    keep_versions,
    make_effects_table,
    outbox_row,
    producing,
    tell,
    whole_topic,
)
from plantkit.messaging.consumer import consumes
from plantkit.messaging.replay import ReplayRefused, replay
from plantkit.messaging.wiring import Messaging
from plantkit.settings import Loop
from plantkit.slice import Slice
from takt_contracts import catalog
from takt_contracts.event import Event

pytestmark = [pytest.mark.db, pytest.mark.broker]
BOTH = (Loop.RELAY, Loop.CONSUMERS)


@asynccontextmanager
async def messaging(
    machinery: Machinery, event: type[Event], loops: Collection[Loop] = BOTH
) -> AsyncIterator[Messaging]:
    """Relay and consumer of one service in this process."""
    consumer = consumes(event, group=f"tests.{event.entity}")(keep_versions)
    made = Messaging(machinery.context, [Slice(name="tests", consumers=(consumer,))])
    await made.start(loops)
    try:
        yield made
    finally:
        await made.stop()


async def lose(machinery: Machinery, event: type[Event]) -> None:
    """As a broker without its disk: the topic is gone, and so are the offsets of its group."""
    admin = AIOKafkaAdminClient(bootstrap_servers=machinery.settings.kafka_bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([event.topic])
        while event.topic in await admin.list_topics():  # noqa: ASYNC110  # only the broker knows
            await asyncio.sleep(0.05)
    finally:
        await admin.close()


def topics(event: type[Event]) -> dict[str, catalog.Topic]:
    return {event.topic: catalog.topic_of(event.topic, [event])}


async def fill(machinery: Machinery, event: type[Event], versions: range, codes: int = 9) -> None:
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(event, f"C-{n}", v) for v in versions for n in range(codes)])
    machinery.context.wake.notify()


def complete(versions: int, codes: int = 9) -> dict[str, list[int]]:
    return {f"C-{n}": list(range(1, versions + 1)) for n in range(codes)}


def applied(machinery: Machinery, versions: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return await effects(machinery) == complete(versions)

    return look


async def test_everything_is_told_again_in_order_and_takes_effect_no_second_time(machinery, event, eventually):
    await make_effects_table(machinery)
    said: list[str] = []
    async with messaging(machinery, event):
        await fill(machinery, event, range(1, 6))
        await eventually(applied(machinery, 5))
        before = {one.key + one.value for one in await whole_topic(machinery.settings.kafka_bootstrap, event.topic)}
        await lose(machinery, event)
        await machinery.fetch("DELETE FROM inbox")  # older than it remembers
        await fill(machinery, event, range(6, 8))
        [archive] = await replay([machinery.settings], said.append, topics=topics(event))
        await fill(machinery, event, range(8, 10))
        await eventually(applied(machinery, 9), within_s=60)

    records = await whole_topic(machinery.settings.kafka_bootstrap, event.topic)
    assert (archive.told, archive.events, archive.untold) == (45, 45, {})
    assert first_seen(records) == complete(9)
    assert before <= {one.key + one.value for one in records}
    assert await effects(machinery) == complete(9)
    assert said


async def test_a_broker_that_holds_something_is_left_as_it_is(machinery, event):
    await make_effects_table(machinery)
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        await tell(producer, event, "C-1", 1)
    before = await machinery.fetch("SELECT * FROM relay_slots ORDER BY slot")

    with pytest.raises(ReplayRefused, match=f"{event.topic} holds 1 records"):
        await replay([machinery.settings], print, topics=topics(event))

    assert await machinery.fetch("SELECT * FROM relay_slots ORDER BY slot") == before
    assert len(await whole_topic(machinery.settings.kafka_bootstrap, event.topic)) == 1


async def test_nothing_new_is_told_to_a_log_that_has_lost_the_old(machinery, event, eventually):
    await make_effects_table(machinery)
    await fill(machinery, event, range(1, 2))
    await machinery.fetch("DELETE FROM outbox_pending")
    await fill(machinery, event, range(2, 3))
    async with messaging(machinery, event, [Loop.RELAY]) as made:
        await eventually(lambda: "Run `takt replay`" in str(made.health()["relay"]["trouble"]))
    assert await whole_topic(machinery.settings.kafka_bootstrap, event.topic) == []


async def test_only_one_replay_runs_at_a_time(machinery, event):
    async with machinery.connect() as connection:
        await connection.execute("SELECT pg_advisory_lock(hashtextextended('takt replay of machinery', 0))")
        with pytest.raises(ReplayRefused, match="runs already"):
            await replay([machinery.settings], print, topics=topics(event))


async def test_a_replay_that_was_cut_off_keeps_relays_away_and_is_run_again(machinery, event, eventually):
    await make_effects_table(machinery)
    async with messaging(machinery, event, [Loop.RELAY]):
        await fill(machinery, event, range(1, 3))

        async def told() -> bool:
            return not await machinery.fetch("SELECT 1 FROM outbox_pending")

        await eventually(told)
        await lose(machinery, event)

        with pytest.raises(CutOff):
            await replay([machinery.settings], cut_off, topics=topics(event))
        async with producing(machinery.settings.kafka_bootstrap) as producer:
            await tell(producer, event, "C-1", 1)
        await fill(machinery, event, range(3, 4))
        await asyncio.sleep(1)
        assert not await told()
        await replay([machinery.settings], print, topics=topics(event))
        await eventually(told, within_s=60)
    assert first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic)) == complete(3)


class CutOff(Exception):
    """As a kill in the middle: the slots stay taken."""


def cut_off(sentence: str) -> None:
    if "to tell" in sentence:
        raise CutOff
