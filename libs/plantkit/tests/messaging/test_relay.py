"""What the relay promises, with a publisher that only remembers: order, owned slots, fences, blocked aggregates."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from libs.plantkit.tests.messaging.support import Machinery, commit, outbox_row, ticked
from plantkit.messaging.leases import SlotLeases, SlotsLost
from plantkit.messaging.metrics import RELAY_FENCED
from plantkit.messaging.outbox import ROW, START, FencedMarker, Outcome, PendingReader, position_of
from plantkit.messaging.publisher import Ticket
from plantkit.messaging.relay import Pace, Relay, Strategies

pytestmark = pytest.mark.db
EVENT = ticked("counter")
QUICK = Pace(page=100, poll_s=0.05, linger_s=0.0)


class Told:
    """A publisher that acknowledges at once and remembers what it was given, in order."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, int]] = []

    async def send(self, rows: Sequence[asyncpg.Record], stopped: set[tuple[str, str]]) -> Ticket:
        ticket = Ticket()
        for row in rows:
            if (row[ROW.aggregatetype], row[ROW.aggregateid]) not in stopped:
                self.sent.append((row[ROW.aggregateid], row[ROW.version]))
                ticket.outcome.delivered.append(row)
        ticket.close()
        return ticket

    async def close(self) -> None:
        pass

    def versions(self, code: str) -> list[int]:
        return [version for aggregate, version in self.sent if aggregate == code]


@asynccontextmanager
async def relaying(
    machinery: Machinery, told: Any, pace: Pace = QUICK, *, lease_s: float = 2.0, **made: Any
) -> AsyncIterator[Relay]:
    async def publisher(*_: Any) -> Any:
        return told

    strategies = Strategies(publisher=publisher, **made)
    settings = machinery.settings.model_copy(update={"relay_lease_s": lease_s})
    relay = Relay(settings, machinery.context.wake, strategies=strategies, pace=pace)
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        relay.stop()
        await asyncio.wait_for(running, 10)


async def unpublished(machinery: Machinery) -> int:
    return len(await machinery.fetch("SELECT 1 FROM outbox_pending"))


async def test_every_committed_row_is_sent_once_in_version_order_while_writers_race(machinery, eventually):
    told = Told()

    async def write(writer: int) -> None:
        async with machinery.connect() as connection:
            for number in range(25):
                code = f"C-{(writer + number) % 5}"
                async with connection.transaction():
                    version = await connection.fetchval(
                        "UPDATE counters SET version = version + 1 WHERE code = $1 RETURNING version", code
                    )
                    await asyncio.sleep(0.001)
                    await commit(connection, [outbox_row(EVENT, code, version)])

    await machinery.fetch(
        "CREATE TABLE counters AS SELECT 'C-' || n AS code, 0 AS version FROM generate_series(0, 4) n"
    )
    async with relaying(machinery, told):
        await asyncio.gather(*(write(writer) for writer in range(8)))

        async def drained() -> bool:
            return await unpublished(machinery) == 0

        await eventually(drained)
    assert {f"C-{n}": told.versions(f"C-{n}") for n in range(5)} == {f"C-{n}": list(range(1, 41)) for n in range(5)}


async def test_a_backlog_of_many_pages_is_sent_whole_and_once(machinery, eventually):
    told = Told()
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(EVENT, f"C-{n % 37}", n // 37 + 1) for n in range(1000)])

    async with relaying(machinery, told):
        await eventually(lambda: len(told.sent) == 1000)

    assert len(set(told.sent)) == 1000
    assert all(told.versions(f"C-{n}") == sorted(told.versions(f"C-{n}")) for n in range(37))
    assert await unpublished(machinery) == 0


class SlowMarker(FencedMarker):
    """Begins to mark when it may."""

    def __init__(self, connection: asyncpg.Connection, may: asyncio.Event) -> None:
        super().__init__(connection)
        self.may = may

    async def mark(self, epochs: Mapping[int, int], outcome: Outcome) -> frozenset[int]:
        await self.may.wait()
        return await super().mark(epochs, outcome)


async def test_what_is_committed_while_a_mark_is_slow_is_sent_at_once_and_nothing_twice(machinery, eventually):
    told, may = Told(), asyncio.Event()
    async with relaying(machinery, told, marker=lambda one: SlowMarker(one, may)), machinery.connect() as connection:
        for version in (1, 2, 3):
            await commit(connection, [outbox_row(EVENT, "C-1", version), outbox_row(EVENT, "C-2", version)])
            machinery.context.wake.notify()
            await eventually(lambda version=version: told.versions("C-1") == [*range(1, version + 1)])
        assert await unpublished(machinery) == 6
        may.set()

        async def drained() -> bool:
            return await unpublished(machinery) == 0

        await eventually(drained)
    assert told.versions("C-1") == told.versions("C-2") == [1, 2, 3]


async def test_more_than_a_few_rows_on_their_way_are_marked_before_the_next_walk_reads(machinery, eventually):
    told, may = Told(), asyncio.Event()
    async with relaying(machinery, told, marker=lambda one: SlowMarker(one, may)), machinery.connect() as connection:
        await commit(connection, [outbox_row(EVENT, f"C-{n}", 1) for n in range(150)])
        machinery.context.wake.notify()
        await eventually(lambda: len(told.sent) == 150)
        await commit(connection, [outbox_row(EVENT, "C-1", 2)])
        machinery.context.wake.notify()
        await asyncio.sleep(0.2)
        assert len(told.sent) == 150
        may.set()
        await eventually(lambda: len(told.sent) == 151)


async def test_a_commit_in_the_process_wakes_the_relay_before_the_poll(machinery, eventually):
    told = Told()
    async with relaying(machinery, told, Pace(poll_s=30.0, linger_s=0.0)) as relay:
        await eventually(lambda: relay.trouble is None)
        await asyncio.sleep(0.2)
        async with machinery.connect() as connection:
            await commit(connection, [outbox_row(EVENT, "C-1", 1)])
        machinery.context.wake.notify()
        await eventually(lambda: told.sent)  # half of what a poll takes


async def test_a_notification_from_another_process_wakes_it_too(machinery, eventually):
    told = Told()
    async with relaying(machinery, told, Pace(poll_s=30.0, linger_s=0.0)) as relay:
        await eventually(lambda: relay.trouble is None)
        await asyncio.sleep(0.2)
        async with machinery.connect() as connection:
            await commit(connection, [outbox_row(EVENT, "C-1", 1)])
            await connection.execute("NOTIFY takt_machinery_outbox")
        await eventually(lambda: told.sent)  # half of what a poll takes


async def test_two_relays_share_the_slots_and_send_nothing_twice(machinery, eventually):
    first, second = Told(), Told()
    async with relaying(machinery, first), relaying(machinery, second):

        async def shared() -> bool:
            owners = await machinery.fetch(
                "SELECT owner, count(*) FROM relay_slots WHERE owner IS NOT NULL GROUP BY owner"
            )
            return sorted(row["count"] for row in owners) == [8, 8]

        await eventually(shared)
        async with machinery.connect() as connection:
            await commit(connection, [outbox_row(EVENT, f"C-{n % 40}", n // 40 + 1) for n in range(400)])
        await eventually(lambda: len(first.sent) + len(second.sent) == 400)
    assert first.sent
    assert second.sent
    assert len({*first.sent, *second.sent}) == 400


async def test_a_stopped_relay_leaves_its_slots_to_the_next_at_once(machinery, eventually):
    async with relaying(machinery, Told(), lease_s=60.0) as relay:
        await eventually(lambda: relay.owns_all)
    told = Told()
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(EVENT, "C-1", 1)])
    async with relaying(machinery, told):
        await eventually(lambda: told.sent, within_s=30)


async def test_a_zombie_whose_lease_ran_out_cannot_mark(machinery):
    fenced_before = RELAY_FENCED.labels("machinery")._value.get()
    async with machinery.connect() as one, machinery.connect() as other:
        await commit(one, [outbox_row(EVENT, "C-1", 1)])
        zombie, heir = SlotLeases(one, "machinery", lease_s=0.5), SlotLeases(other, "machinery", lease_s=0.5)
        await zombie.heartbeat()
        epochs = dict(zombie.held)
        rows = await PendingReader(one, 10).page(sorted(epochs), START)
        await asyncio.sleep(0.7)
        assert dict(zombie.held) == {}
        await heir.heartbeat()
        inherited = dict(heir.held)
        assert len(inherited) == 16

        lost = await FencedMarker(one).mark(epochs, Outcome(delivered=list(rows)))
        with pytest.raises(SlotsLost):
            zombie.lose(lost)

        assert lost == {rows[0][ROW.slot]}
        assert await unpublished(machinery) == 1
        assert not await FencedMarker(other).mark(inherited, Outcome(delivered=list(rows)))
        assert await unpublished(machinery) == 0
    assert RELAY_FENCED.labels("machinery")._value.get() == fenced_before + 1


async def test_a_takeover_waits_for_a_mark_that_is_under_way(machinery):
    async with machinery.connect() as one, machinery.connect() as other:
        await commit(one, [outbox_row(EVENT, "C-1", 1)])
        owner, heir = SlotLeases(one, "machinery", lease_s=0.5), SlotLeases(other, "machinery", lease_s=0.5)
        await owner.heartbeat()
        epochs = dict(owner.held)
        [row] = await PendingReader(one, 10).page(sorted(epochs), START)
        await asyncio.sleep(0.7)
        async with one.transaction():
            assert not await FencedMarker(one).mark(epochs, Outcome(delivered=[row]))
            await heir.heartbeat()  # SKIP LOCKED: it takes the fifteen others and leaves this one
            assert row[ROW.slot] not in heir.held
        await heir.heartbeat()
        assert row[ROW.slot] in heir.held
        assert not await PendingReader(other, 10).page(sorted(heir.held), START)


async def test_a_blocked_row_holds_back_its_aggregate_and_nobody_else(machinery, eventually):
    told = Told()
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(EVENT, code, version) for code in ("C-1", "C-2") for version in (1, 2, 3)])
        await connection.execute(
            "UPDATE outbox_pending SET blocked = 'too large' WHERE aggregateid = 'C-1' AND version = 2"
        )
        await connection.execute("DELETE FROM outbox_pending WHERE aggregateid = 'C-1' AND version = 1")

    async with relaying(machinery, told, Pace(poll_s=0.05, retry_blocked_s=1e9)):
        await eventually(lambda: told.versions("C-2") == [1, 2, 3])
        await asyncio.sleep(0.2)
    assert told.versions("C-1") == []


async def test_pages_follow_each_other_without_gap_or_repeat(machinery):
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(EVENT, f"C-{n % 7}", n // 7 + 1) for n in range(70)])
        reader, after, seen = PendingReader(connection, 9), START, []
        while rows := await reader.page(list(range(16)), after):
            seen += [(row[ROW.aggregateid], row[ROW.version]) for row in rows]
            after = position_of(rows[-1])
    assert len(seen) == len(set(seen)) == 70


async def test_pages_of_large_rows_are_short(machinery):
    large = "x" * 900_000
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(EVENT, "C-1", version, payload=large) for version in range(1, 41)])
        reader, after, pages = PendingReader(connection, 2000), START, []
        while rows := await reader.page(list(range(16)), after):
            pages.append(len(rows))
            after = position_of(rows[-1])
    assert pages == [19, 19, 2]
