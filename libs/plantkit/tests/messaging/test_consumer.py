"""Consumers against the real broker: once, in order, whatever comes twice, late, broken, or while others join."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition

from libs.plantkit.tests.messaging.support import (
    Machinery,
    body,
    effects,
    headers,
    keep_versions,
    make_effects_table,
    producing,
    tell,
)
from plantkit.errors import Invalid
from plantkit.messaging.broker import commit_client
from plantkit.messaging.consumer import Consumer, consumes
from plantkit.messaging.metrics import INBOX_DUPLICATES, VERSIONS_STALE
from plantkit.messaging.parking import Parking
from plantkit.messaging.subscription import ConsumerStrategies, Subscription
from plantkit.messaging.watchdog import Patience, Watchdog
from plantkit.messaging.wiring import Messaging
from plantkit.settings import Loop
from plantkit.slice import Slice
from takt_contracts.event import Event

pytestmark = [pytest.mark.db, pytest.mark.broker]
KEEPER = f"tests.keeper-{os.getpid()}"  # other files take part in it, in processes of their own beside one broker
IMPATIENT = ConsumerStrategies(parking=lambda group: Parking(group, backoff_s=(0.1, 0.1, 0.1, 0.1)))


def keeper(event: type[Event], group: str = KEEPER, handler: Any = keep_versions) -> Consumer:
    return consumes(event, group=group)(handler)


@asynccontextmanager
async def consuming(machinery: Machinery, consumer: Consumer, **options: Any) -> AsyncIterator[Messaging]:
    messaging = Messaging(machinery.context, [Slice(name="tests", consumers=(consumer,))], **options)
    await messaging.start({Loop.CONSUMERS})
    try:
        yield messaging
    finally:
        await messaging.stop()


async def until(machinery: Machinery, expected: dict[str, list[int]], within_s: float = 40) -> None:
    try:
        async with asyncio.timeout(within_s):
            while await effects(machinery) != expected:  # noqa: ASYNC110  # only the database knows
                await asyncio.sleep(0.05)
    except TimeoutError:
        assert await effects(machinery) == expected


async def reset_offsets(machinery: Machinery, event: type[Event], group: str = KEEPER) -> None:
    client = commit_client(machinery.settings.kafka_bootstrap, group)
    await client.start()
    try:
        partitions = [TopicPartition(event.topic, number) for number in range(6)]
        client.assign(partitions)
        await client.commit(dict.fromkeys(partitions, 0))
    finally:
        await client.stop()


async def parked(machinery: Machinery) -> list[asyncpg.Record]:
    return await machinery.fetch("SELECT * FROM parked ORDER BY topic, key, offset_")


@pytest.fixture(autouse=True)
async def effects_table(machinery: Machinery) -> None:
    await make_effects_table(machinery)


async def test_events_told_before_and_after_the_first_member_take_effect_once_in_order(machinery, event):
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for version in (1, 2, 3):
            await tell(producer, event, "C-1", version)
        async with consuming(machinery, keeper(event)) as messaging:
            await until(machinery, {"C-1": [1, 2, 3]})
            await tell(producer, event, "C-2", 1)
            await until(machinery, {"C-1": [1, 2, 3], "C-2": [1]})
            assert messaging.ready() == []


async def test_a_group_that_starts_again_goes_on_where_it_was(machinery, event):
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        await tell(producer, event, "C-1", 1)
        async with consuming(machinery, keeper(event)):
            await until(machinery, {"C-1": [1]})
        await tell(producer, event, "C-1", 2)
        async with consuming(machinery, keeper(event)):
            await until(machinery, {"C-1": [1, 2]})


async def test_redelivered_events_have_no_second_effect(machinery, event, eventually):
    dropped = INBOX_DUPLICATES.labels(KEEPER)
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for version in range(1, 6):
            await tell(producer, event, "C-1", version)
    async with consuming(machinery, keeper(event)):
        await until(machinery, {"C-1": [1, 2, 3, 4, 5]})
    before = dropped._value.get()
    await reset_offsets(machinery, event)
    async with consuming(machinery, keeper(event)):
        await eventually(lambda: dropped._value.get() == before + 5)
    assert await effects(machinery) == {"C-1": [1, 2, 3, 4, 5]}


async def test_redelivery_after_the_inbox_forgot_has_no_effect_either(machinery, event, eventually):
    stale = VERSIONS_STALE.labels(KEEPER)
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for version in (1, 2):
            await tell(producer, event, "C-1", version)
    async with consuming(machinery, keeper(event)):
        await until(machinery, {"C-1": [1, 2]})
    before = stale._value.get()
    await machinery.fetch("DELETE FROM inbox")
    await reset_offsets(machinery, event)
    async with consuming(machinery, keeper(event)):
        await eventually(lambda: stale._value.get() == before + 2)
    assert await effects(machinery) == {"C-1": [1, 2]}


async def test_the_same_event_twice_in_one_batch_takes_effect_once(machinery, event):
    told = headers(event, "C-1", 1)
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for _ in range(3):
            await tell(producer, event, "C-1", 1, told=told)
        await tell(producer, event, "C-1", 2)
    async with consuming(machinery, keeper(event)):
        await until(machinery, {"C-1": [1, 2]})


async def test_members_that_join_and_leave_lose_and_double_nothing(machinery, event, eventually):
    expected = {f"C-{n}": list(range(1, 31)) for n in range(12)}
    async with producing(machinery.settings.kafka_bootstrap) as producer:

        async def produce() -> None:
            for version in range(1, 31):
                for n in range(12):
                    await tell(producer, event, f"C-{n}", version)

        async with consuming(machinery, keeper(event)):
            telling = asyncio.create_task(produce())
            await asyncio.sleep(0.5)
            async with consuming(machinery, keeper(event)) as second:
                await eventually(lambda: 0 < len(second.subscriptions[0].assignment.owned) < 6, within_s=30)
            await telling
            await until(machinery, expected, within_s=30)


POISON: dict[str, Callable[[type[Event]], dict[str, Any]]] = {
    "envelope.null": lambda event: {"headers": [("ce_id", None)]},
    "envelope.not-utf8": lambda event: {"headers": [("ce_source", b"\xff\xfe")]},
    "envelope.missing": lambda event: {"drop": "ce_id"},
    "envelope.control-character": lambda event: {"headers": [("ce_source", b"a\x00b")]},
    "event.not-json": lambda event: {"value": b"\x00\x01 this is not JSON"},
    "event.not-json truncated": lambda event: {"value": body("K", 2).encode()[:-7]},
    "event.wrong-schema": lambda event: {"value": b'{"version": "two", "state": {"code": "K"}}'},
    "event.unknown-type": lambda event: {"headers": [("ce_type", b"takt.tests.unheard.of.v9")]},
    "event.nul": lambda event: {"value": b'{"version": 2, "state": {"code": "K", "note": "a\\u0000b"}}'},
    "event.too-deep": lambda event: {"value": b'{"version": 2, "state": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"},
    "event.tombstone": lambda event: {"value": None},
    "event.wrong-key": lambda event: {"headers": [("ce_partitionkey", b"other"), ("ce_subject", b"other")]},
}


async def send_poison(producer: Any, event: type[Event], changes: dict[str, Any]) -> None:
    told = {name: value.encode() for name, value in headers(event, "K", 2).items()}
    told.pop(changes.get("drop", ""), None)
    told |= dict(changes.get("headers", []))
    value = changes.get("value", body("K", 2).encode())
    await producer.send_and_wait(event.topic, value, key=b"K", headers=list(told.items()))


@pytest.mark.parametrize("kind", POISON)
async def test_poison_is_parked_whole_with_its_successors_and_other_keys_flow(machinery, event, kind, eventually):
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        await tell(producer, event, "K", 1)
        await send_poison(producer, event, POISON[kind](event))
        await tell(producer, event, "K", 3)
        await tell(producer, event, "C-1", 1)
        async with consuming(machinery, keeper(event)):
            await until(machinery, {"K": [1], "C-1": [1]})
            await tell(producer, event, "K", 4)
            await tell(producer, event, "C-1", 2)
            await until(machinery, {"K": [1], "C-1": [1, 2]})

            async def three() -> bool:
                return len(await parked(machinery)) == 3

            await eventually(three)
    rows = await parked(machinery)
    assert [row["reason_code"] for row in rows] == [kind.split()[0], "event.behind-parked", "event.behind-parked"]
    assert {row["state"] for row in rows} == {"parked"}
    assert rows[0]["value"] == POISON[kind](event).get("value", body("K", 2).encode())
    assert [row["offset_"] for row in rows] == sorted(row["offset_"] for row in rows)


def failing(times: int, error: Callable[[], Exception]) -> tuple[Any, list[int]]:
    """A handler that fails whenever it is given version 2 of K, `times` times."""
    failures: list[int] = []

    async def handle(tx: Any, deliveries: Any) -> None:
        if any((one.subject, one.version) == ("K", 2) for one in deliveries) and len(failures) < times:
            failures.append(len(deliveries))
            raise error()
        await keep_versions(tx, deliveries)

    return handle, failures


async def tell_batch(machinery: Machinery, event: type[Event]) -> None:
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for version in (1, 2, 3):
            for code in ("K", "C-1", "C-2"):
                await tell(producer, event, code, version)


async def test_a_record_that_heals_is_applied_with_its_successors_in_order(machinery, event):
    await tell_batch(machinery, event)
    handler, failures = failing(6, lambda: ValueError("not yet"))
    async with consuming(machinery, keeper(event, handler=handler), consumers=IMPATIENT):
        await until(machinery, {code: [1, 2, 3] for code in ("K", "C-1", "C-2")})
    assert failures[-1] == 1
    assert {row["state"] for row in await parked(machinery)} == {"redriven"}


async def test_a_record_that_never_heals_is_parked_with_its_successors_after_five_attempts(
    machinery, event, eventually
):
    await tell_batch(machinery, event)
    handler, _ = failing(10**6, lambda: ValueError("never"))
    async with consuming(machinery, keeper(event, handler=handler), consumers=IMPATIENT):

        async def given_up() -> bool:
            return [row["state"] for row in await parked(machinery)] == ["parked", "parked"]

        await eventually(given_up)
    first, second = await parked(machinery)
    assert (first["attempts"], first["reason_code"], first["reason"]) == (5, "handler.ValueError", "never")
    assert (second["attempts"], second["reason_code"]) == (0, "event.behind-parked")
    assert await effects(machinery) == {"K": [1], "C-1": [1, 2, 3], "C-2": [1, 2, 3]}


async def test_what_a_rule_refuses_as_invalid_is_parked_at_its_first_failure(machinery, event, eventually):
    await tell_batch(machinery, event)
    handler, _ = failing(10**6, lambda: Invalid("It breaks a rule."))
    async with consuming(machinery, keeper(event, handler=handler)):

        async def given_up() -> bool:
            return [row["state"] for row in await parked(machinery)] == ["parked", "parked"]

        await eventually(given_up)
    first, second = await parked(machinery)
    assert (first["attempts"], first["reason_code"]) == (1, "request.invalid")
    assert second["reason_code"] == "event.behind-parked"
    assert await effects(machinery) == {"K": [1], "C-1": [1, 2, 3], "C-2": [1, 2, 3]}


async def test_trouble_with_the_database_retries_the_batch_and_parks_nothing(machinery, event):
    await tell_batch(machinery, event)
    handler, failures = failing(2, lambda: asyncpg.CannotConnectNowError("starting up"))
    async with consuming(machinery, keeper(event, handler=handler)):
        await until(machinery, {code: [1, 2, 3] for code in ("K", "C-1", "C-2")})
    assert len(failures) == 2
    assert await parked(machinery) == []


async def test_trouble_with_a_batch_is_over_when_somebody_else_has_it(machinery, event, eventually):
    await tell_batch(machinery, event)
    handler, _ = failing(10**6, lambda: asyncpg.CannotConnectNowError("starting up"))
    async with consuming(machinery, keeper(event, handler=handler)) as messaging:
        [subscription] = messaging.subscriptions
        await eventually(lambda: subscription.pipeline.trouble)
        await subscription.assignment.on_partitions_revoked(set(subscription.assignment.owned))
        await eventually(lambda: subscription.pipeline.trouble is None)


async def test_a_look_of_the_watchdog_that_never_ends_is_begun_anew(machinery, event, eventually):
    looks: list[int] = []

    async def hang_once(_: Any) -> bool:
        looks.append(1)
        if len(looks) == 1:
            await asyncio.Event().wait()
        return False

    subscription = Subscription(machinery.context, keeper(event))
    patience = Patience(every_s=0.05, look_s=1.0)
    watchdog = Watchdog(machinery.settings.kafka_bootstrap, subscription, patience=patience, rejoin=hang_once)
    watching = asyncio.create_task(watchdog.run())
    try:
        await eventually(lambda: watchdog.lag is not None)
    finally:
        watching.cancel()
        await asyncio.wait({watching})
    assert len(looks) > 1


async def test_a_database_that_ends_our_sessions_costs_nothing_but_time(machinery, event):
    ended: list[bool] = []

    async def handle(tx: Any, deliveries: Any) -> None:
        await keep_versions(tx, deliveries)
        if not ended:
            ended.append(True)
            own = await tx.connection.fetchval("SELECT pg_backend_pid()")
            await machinery.fetch("SELECT pg_terminate_backend($1)", own)

    await tell_batch(machinery, event)
    async with consuming(machinery, keeper(event, handler=handle)):
        await until(machinery, {code: [1, 2, 3] for code in ("K", "C-1", "C-2")})
    assert await parked(machinery) == []


async def test_a_value_that_no_column_holds_is_the_records_fault(machinery, event, eventually):
    async def handle(tx: Any, deliveries: Any) -> None:
        for one in deliveries:
            number = 2**70 if one.subject == "K" else 1
            await tx.connection.execute("SELECT $1::bigint", number)
        await keep_versions(tx, deliveries)

    await tell_batch(machinery, event)
    async with consuming(machinery, keeper(event, handler=handle), consumers=IMPATIENT):
        await until(machinery, {code: [1, 2, 3] for code in ("C-1", "C-2")})
    assert {row["key"] for row in await parked(machinery)} == {b"K"}


Look = Callable[..., Awaitable[Any]]


async def test_a_group_without_its_offsets_is_not_ready_and_names_the_rebuild(machinery, event, eventually: Look):
    async with machinery.connect() as connection:
        await connection.executemany(
            'INSERT INTO joined_groups (group_name, topic, "partition") VALUES ($1, $2, $3)',
            [("tests.lost", event.topic, number) for number in range(6)],
        )
    async with consuming(machinery, keeper(event, group="tests.lost")) as messaging:
        await eventually(lambda: len(messaging.ready()) == 6)
        assert f"tests.lost has lost its place in {event.topic} partition 0" in messaging.ready()[0]
        assert "`takt rebuild tests lost`" in messaging.ready()[0]


async def test_an_offset_that_the_log_no_longer_holds_is_not_skipped(machinery, event, eventually: Look):
    from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

    async with producing(machinery.settings.kafka_bootstrap) as producer:
        await tell(producer, event, "C-1", 1)
        async with consuming(machinery, keeper(event, group="tests.range")):
            await until(machinery, {"C-1": [1]})
        told = await producer.send_and_wait(event.topic, body("C-1", 2).encode(), key=b"C-1")
    admin = AIOKafkaAdminClient(bootstrap_servers=machinery.settings.kafka_bootstrap)
    await admin.start()
    place = TopicPartition(event.topic, told.partition)
    await admin.delete_records({place: RecordsToDelete(before_offset=told.offset + 1)})
    await admin.close()
    async with consuming(machinery, keeper(event, group="tests.range")) as messaging:
        await eventually(lambda: any("outside of what the log holds" in why for why in messaging.ready()))


async def test_a_consumer_that_stands_still_is_started_again(machinery, event, eventually: Look):
    hung = asyncio.Event()

    async def handle(tx: Any, deliveries: Any) -> None:
        if not hung.is_set():
            hung.set()
            await asyncio.sleep(3600)
        await keep_versions(tx, deliveries)

    await tell_batch(machinery, event)
    patience = Patience(every_s=0.3, still_s=1.0)
    async with consuming(machinery, keeper(event, handler=handle), patience=patience):
        await until(machinery, {code: [1, 2, 3] for code in ("K", "C-1", "C-2")}, within_s=40)
        assert hung.is_set()
