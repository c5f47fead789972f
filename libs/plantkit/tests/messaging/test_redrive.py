"""How the loop of retries works off what was sent on: in order, many at once, and never past what fails."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from libs.plantkit.tests.messaging.support import Machinery, body, effects, headers, make_effects_table, ticked
from plantkit.messaging import parked_statements as sql
from plantkit.messaging.effect import TransactionalEffect
from plantkit.messaging.inbox import Inbox, VersionGuard
from plantkit.messaging.parking import Head, Parking
from plantkit.messaging.records import Reader
from plantkit.messaging.retries import Retries

pytestmark = pytest.mark.db
EVENT = ticked("redriven")
GROUP = "tests.redrive"
SEND_ON = "UPDATE parked SET state = 'retry', attempts = 0, next_attempt_at = clock_timestamp(), parked_at = NULL"
STATES = "SELECT offset_, state, reason_code FROM parked ORDER BY topic, key, offset_"


def record(version: int, code: str = "K", *, offset: int | None = None, value: bytes | None = None) -> ConsumerRecord:
    """Its offset is its version unless said, and each key has a partition of its own."""
    named = tuple((name, text.encode()) for name, text in headers(EVENT, code, version).items())
    sound = body(code, version).encode()
    return ConsumerRecord(
        EVENT.topic, ord(code), offset or version, 0, 0, code.encode(), value or sound, None, 1, 1, named
    )


class Desk:
    """The loop of one group with a handler that fails for one version, and a count of its batches."""

    def __init__(self, machinery: Machinery) -> None:
        self.machinery, self.parking = machinery, Parking(GROUP, backoff_s=(0.0, 0.0, 0.0, 0.0))
        self.batches: list[int] = []
        self.fails: int | None = None
        context, reader = machinery.context, Reader(dict.fromkeys(EVENT.types(), EVENT))
        guards: dict[str, Any] = {"inbox": Inbox(), "guard": VersionGuard()}
        effect = TransactionalEffect(context=context, group=GROUP, handler=self._handle, parking=self.parking, **guards)
        self.retries = Retries(context=context, reader=reader, effect=effect, parking=self.parking)

    async def _handle(self, tx: Any, deliveries: Sequence[Any]) -> None:
        self.batches.append(len(deliveries))
        if any(one.version == self.fails for one in deliveries):
            raise ValueError("not this one")
        rows = [(one.subject, one.version) for one in deliveries]
        await tx.connection.executemany("INSERT INTO effects (code, version) VALUES ($1, $2)", rows)

    async def park(self, records: Sequence[ConsumerRecord]) -> None:
        """The first has failed, the others came behind it."""
        head = Head(records[0].offset, "parked")
        async with self.machinery.connect() as connection:
            await self.parking.put(connection, [self.parking.refused(records[0], "handler.ValueError", "no")])
            await self.parking.put(connection, [self.parking.behind(one, head) for one in records[1:]])

    async def send_on(self) -> None:
        await self.machinery.fetch(SEND_ON)

    async def work_off(self) -> None:
        while await self.retries.once():
            pass
        async with self.machinery.connect() as connection:
            await self.parking.follow(connection)

    async def states(self) -> list[tuple[int, str]]:
        return [(row["offset_"], row["state"]) for row in await self.machinery.fetch(STATES)]


@pytest.fixture
async def desk(machinery: Machinery) -> Desk:
    await make_effects_table(machinery)
    return Desk(machinery)


async def test_a_long_chain_is_applied_in_order_many_records_at_once(desk, machinery):
    await desk.park([record(version) for version in range(1, 1001)])
    await desk.send_on()
    await desk.work_off()

    assert await effects(machinery) == {"K": list(range(1, 1001))}
    assert len(desk.batches) <= 10
    assert {state for _, state in await desk.states()} == {"redriven"}


@pytest.mark.parametrize("fails", [1, 2, 5, 9])
async def test_nothing_passes_a_record_that_fails_again(desk, machinery, fails):
    await desk.park([record(version) for version in range(1, 10)])
    await desk.park([record(1, "C")])
    desk.fails = fails
    await desk.send_on()
    await desk.work_off()

    assert (await effects(machinery)).get("K", []) == list(range(1, fails))
    states = dict(await desk.states())
    assert {states[version] for version in range(1, fails)} <= {"redriven"}
    assert {states[version] for version in range(fails, 10)} == {"parked"}
    desk.fails = None
    await desk.send_on()
    await desk.work_off()
    assert (await effects(machinery))["K"] == list(range(1, 10))


async def test_a_record_that_can_never_be_read_lies_again_at_once_and_does_not_loop(desk, machinery):
    await desk.park([record(1), record(2, value=b"{"), record(2, offset=3)])
    await desk.send_on()
    await desk.work_off()

    assert await effects(machinery) == {"K": [1]}
    assert await desk.states() == [(1, "redriven"), (2, "parked"), (3, "parked")]
    assert [row["reason_code"] for row in await machinery.fetch(STATES)][1:] == ["event.not-json", sql.BEHIND]
    assert desk.batches == [1]


async def test_what_came_behind_a_head_that_was_just_sent_on_goes_on_with_it(desk, machinery):
    """The consumer saw the head parked, and put its successor there after the redrive."""
    await desk.park([record(1), record(2)])
    await desk.send_on()
    async with machinery.connect() as connection:
        await desk.parking.put(connection, [desk.parking.behind(record(3), Head(1, "parked"))])
    await desk.work_off()
    await desk.work_off()

    assert await effects(machinery) == {"K": [1, 2, 3]}


async def test_a_redrive_during_an_attempt_is_not_undone_by_the_failure_of_that_attempt(desk, machinery):
    await desk.park([record(1)])
    await desk.send_on()
    async with machinery.connect() as connection, connection.transaction():
        turn = await desk.parking.next_turn(connection, 1)
    await desk.send_on()
    async with machinery.connect() as connection:
        await desk.parking.failed_again(connection, turn.due, "handler.ValueError", "late", final=True)

    assert await desk.states() == [(1, "retry")]


async def test_heads_are_found_in_the_index_however_many_records_wait_behind_them(desk, machinery):
    for code in ("A", "B", "C"):
        await desk.park([record(version, code) for version in range(1, 301)])
    async with machinery.connect() as connection:
        assert len(await desk.parking.heads(connection)) == 3
        await connection.execute("ANALYZE parked")
        plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN (ANALYZE) {sql.HEADS}", GROUP, "none"))

    assert "Index Scan using parked_waiting" in plan
    assert "Seq Scan" not in plan
