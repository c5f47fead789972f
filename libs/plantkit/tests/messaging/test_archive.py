"""What the log has lost is read from its owner: a model is made whole, a group is given what it missed."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from fastapi.routing import APIRoute

from libs.plantkit.tests.messaging.support import (
    Machinery,
    commit,
    effects,
    keep_versions,
    make_effects_table,
    outbox_row,
)
from libs.plantkit.tests.messaging.test_read_models import (
    all_of,
    consuming,
    counters,
    counting,
    group_of,
    rows,
    told,
    until,
)
from plantkit.messaging.archive import archive_routes
from plantkit.messaging.catching_up import catch_up
from plantkit.messaging.consumer import Consumer, consumes
from plantkit.messaging.metrics import OFFSET_LOST
from plantkit.messaging.partitions import partition_of
from plantkit.messaging.rebuild import RebuildRefused, rebuild
from plantkit.messaging.watchdog import Patience
from plantkit.messaging.wiring import Messaging
from plantkit.settings import Loop
from plantkit.slice import Slice
from takt_contracts.event import Event

pytestmark = [pytest.mark.db, pytest.mark.broker]
__all__ = ["counters"]
QUICK = Patience(every_s=0.3)


class OwnArchive:
    """The outbox of the test's own database, by the route that owners serve, a few events a page."""

    def __init__(self, machinery: Machinery) -> None:
        [route] = archive_routes(machinery.context.db).routes
        assert isinstance(route, APIRoute)
        self._page = route.endpoint

    async def events(self, topic: str) -> AsyncIterator[Sequence[ConsumerRecord]]:
        after = None
        while (page := await self._page(topic=topic, after=after, limit=7)).next is not None:
            yield [
                ConsumerRecord(
                    topic, -1, -1, one.recorded_ms, 0, one.key.encode(), one.payload.encode(), None, 1, 1,
                    tuple((name, text.encode()) for name, text in one.headers.items()),
                )
                for one in page.data
            ]  # fmt: skip
            after = page.next


async def archived(machinery: Machinery, event: type[Event], codes: int = 8, versions: int = 5) -> None:
    """As told already. The copies that `told` puts on the log have other ids, which the version guard must not mind."""
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(event, f"C-{n}", v) for v in range(1, versions + 1) for n in range(codes)])
        await connection.execute("DELETE FROM outbox_pending")


async def behead(machinery: Machinery, event: type[Event], code: str, before: int) -> None:
    """As retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=machinery.settings.kafka_bootstrap)
    await admin.start()
    try:
        place = TopicPartition(event.topic, partition_of(code.encode(), 6))
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def test_a_model_is_made_whole_from_the_archive_when_the_log_has_lost_its_beginning(counters, event):
    await told(counters, event)
    await archived(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())
    await behead(counters, event, "C-1", 2)

    done = await rebuild(counters.context, counting(event), OwnArchive(counters))

    assert await rows(counters) == all_of()
    assert done.before == done.after
    assert list(done.short) == [event.topic]
    assert "begins at offset 2" in done.short[event.topic]


def keeping(event: type[Event]) -> Consumer:
    return consumes(event, group=group_of(event))(keep_versions)


async def test_a_group_that_retention_overtook_skips_nothing_alarms_and_is_healed_by_what_its_alarm_names(
    machinery, event, eventually
):
    await make_effects_table(machinery)
    await told(machinery, event, versions=2)
    await archived(machinery, event)
    slices, lost = [Slice(name="tests", consumers=(keeping(event),))], OFFSET_LOST.labels(group_of(event))
    first = Messaging(machinery.context, slices, patience=QUICK)
    await first.start({Loop.CONSUMERS})

    async def applied() -> int:
        return sum(len(versions) for versions in (await effects(machinery)).values())

    async def has(count: int) -> bool:
        return await applied() == count

    async def two_each() -> bool:
        return await has(16)

    async def five_each() -> bool:
        return await has(40)

    await eventually(two_each, within_s=30)
    await asyncio.sleep(0.5)  # its offsets are committed after the effect
    await first.stop()
    await told(machinery, event, versions=3, first=3)
    for code in range(8):
        await behead(machinery, event, f"C-{code}", -1)
    late = Messaging(machinery.context, slices, patience=QUICK)
    await late.start({Loop.CONSUMERS})
    try:
        await eventually(lambda: lost._value.get() > 0, within_s=30)
        assert any(f"run `takt rebuild tests {event.entity}`" in why for why in late.ready())
        assert await two_each()
        done = await catch_up(machinery.context, keeping(event), OwnArchive(machinery))
        assert (done.events, done.applied) == (40, 24)
        await eventually(lambda: lost._value.get() == 0 and not late.ready(), within_s=60)
        await told(machinery, event, versions=1, first=6)

        async def six_each() -> bool:
            return await has(48)

        await eventually(six_each, within_s=30)
    finally:
        await late.stop()
    assert await effects(machinery) == {f"C-{code}": [1, 2, 3, 4, 5, 6] for code in range(8)}


async def test_a_group_is_given_nothing_past_an_event_that_it_cannot_apply(machinery, event):
    await archived(machinery, event, codes=1, versions=2)

    async def refuse(tx, deliveries):
        raise LookupError("nothing of the kind")

    with pytest.raises(RebuildRefused, match="cannot be applied"):
        await catch_up(machinery.context, consumes(event, group=group_of(event))(refuse), OwnArchive(machinery))
    assert not await machinery.fetch("SELECT 1 FROM inbox")
