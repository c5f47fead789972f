"""What the inbox and the version guard let pass, batch by batch."""

from collections.abc import AsyncIterator, Iterable

import asyncpg
import pytest
from aiokafka import ConsumerRecord

from libs.plantkit.tests.messaging.support import Counter, Machinery, ticked
from plantkit.messaging.inbox import Deliveries, Inbox, VersionGap, VersionGuard
from plantkit.messaging.records import Delivery

pytestmark = pytest.mark.db
EVENT = ticked("counter")
Told = tuple[str, int]
"""Subject and version."""


def deliveries(told: Iterable[Told]) -> list[Delivery]:
    return [_delivery(subject, version) for subject, version in told]


def _delivery(subject: str, version: int) -> Delivery:
    record = ConsumerRecord(EVENT.topic, 0, 0, 0, 0, None, b"", None, 0, 0, ())
    event = EVENT(version=version, state=Counter(code=subject))
    about = (EVENT.topic, f"{subject} {version}", "/plants/test/tests", EVENT.types()[0], subject, version)
    return Delivery(record, *about, event)


def shown(passed: Deliveries) -> list[Told]:
    return [(one.subject, one.version) for one in passed]


@pytest.fixture
async def connection(machinery: Machinery) -> AsyncIterator[asyncpg.Connection]:
    async with machinery.connect() as made:
        yield made


async def test_an_id_passes_once_for_each_consumer_and_once_in_a_batch(connection):
    batch = deliveries([("A", 1), ("B", 1), ("A", 1), ("A", 2)])
    assert shown(await Inbox().fresh(connection, "one", batch)) == [("A", 1), ("B", 1), ("A", 2)]
    assert await Inbox().fresh(connection, "one", batch) == []
    more = deliveries([("A", 2), ("C", 1), ("C", 1)])
    assert shown(await Inbox().fresh(connection, "one", more)) == [("C", 1)]
    assert shown(await Inbox().fresh(connection, "another", more)) == [("A", 2), ("C", 1)]


async def test_an_ordinary_batch_passes_as_it_is(connection):
    guard, batch = VersionGuard(), deliveries([("A", 1), ("B", 1), ("A", 2), ("A", 3)])
    assert await guard.fresh(connection, "one", batch) is batch
    following = deliveries([("A", 4), ("B", 2), ("C", 1)])
    assert await guard.fresh(connection, "one", following) is following


async def test_what_is_not_newer_is_dropped_and_the_rest_passes(connection):
    guard = VersionGuard()
    await guard.fresh(connection, "one", deliveries([("A", 1), ("A", 2), ("B", 1)]))
    batch = deliveries([("A", 1), ("A", 2), ("A", 3), ("A", 3), ("B", 1), ("C", 1), ("A", 4), ("A", 2)])
    assert shown(await guard.fresh(connection, "one", batch)) == [("A", 3), ("C", 1), ("A", 4)]
    assert await guard.fresh(connection, "one", batch) == []


@pytest.mark.parametrize("batch", [[("A", 2)], [("A", 1), ("A", 3)], [("B", 1), ("A", 1), ("A", 3), ("A", 2)]])
async def test_a_gap_is_told_and_after_the_rollback_nothing_was_seen(connection, batch):
    with pytest.raises(VersionGap, match="of A came after version"):
        async with connection.transaction():
            await VersionGuard().fresh(connection, "one", deliveries(batch))
    whole = deliveries([("A", 1), ("A", 2), ("A", 3), ("B", 1)])
    assert await VersionGuard().fresh(connection, "one", whole) is whole


async def test_a_compacted_topic_may_begin_and_go_on_anywhere(connection):
    kind = type("Compacted", (EVENT,), {"compacted": True, "__module__": __name__})
    batch = deliveries([("A", 4), ("A", 7), ("A", 6), ("B", 1)])
    for one in batch:
        one.event = kind(version=one.version, state=one.event.state)
    assert shown(await VersionGuard().fresh(connection, "one", batch)) == [("A", 4), ("A", 7), ("B", 1)]
