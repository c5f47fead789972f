"""The relay against the real broker: what arrives, and what holds back its own aggregate only."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from aiokafka.partitioner import murmur2

from libs.plantkit.tests.messaging.support import (
    Machinery,
    commit,
    first_seen,
    outbox_row,
    ticked,
    whole_topic,
)
from plantkit.messaging.broker import connect_producer
from plantkit.messaging.handed import Handed
from plantkit.messaging.metrics import KAFKA_UP, OUTBOX_BLOCKED, OUTBOX_OLDEST_AGE, OUTBOX_PENDING, PRODUCE_ERRORS
from plantkit.messaging.producing import SecondClient
from plantkit.messaging.provision import WrongTopic, ensure_topics
from plantkit.messaging.publisher import KafkaPublisher
from plantkit.messaging.relay import Pace, Relay, Strategies
from plantkit.messaging.upkeep import measure_outbox, tidy
from takt_contracts.catalog import topic_of

pytestmark = [pytest.mark.db, pytest.mark.broker]


@asynccontextmanager
async def relaying(machinery: Machinery, pace: Pace, strategies: Strategies | None = None) -> AsyncIterator[Relay]:
    relay = Relay(machinery.settings, machinery.context.wake, pace=pace, strategies=strategies)
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        relay.stop()
        await asyncio.wait_for(running, 15)


async def waiting(machinery: Machinery) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    rows = await machinery.fetch("SELECT aggregateid, version FROM outbox_pending ORDER BY 1, 2")
    for row in rows:
        found.setdefault(row["aggregateid"], []).append(row["version"])
    return found


async def test_records_arrive_complete_in_the_partition_of_their_key(machinery, event, eventually):
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(event, f"C-{n % 30}", n // 30 + 1) for n in range(600)])
        kept = await connection.fetch("SELECT id::text, key, payload FROM outbox")

    async with relaying(machinery, Pace(page=100)):

        async def drained() -> bool:
            return not await waiting(machinery)

        await eventually(drained)

    records = await whole_topic(machinery.settings.kafka_bootstrap, event.topic)
    assert first_seen(records) == {f"C-{n}": list(range(1, 21)) for n in range(30)}
    assert len(records) == 600
    stored = {row["id"]: row for row in kept}
    for record in records:
        row = stored[dict(record.headers)["ce_id"].decode()]
        assert (record.key.decode(), record.value.decode()) == (row["key"], row["payload"])
        assert record.partition == (murmur2(record.key) & 0x7FFFFFFF) % 6


async def test_a_row_that_cannot_be_published_blocks_its_aggregate_only_and_heals(machinery, event, eventually):
    later = ticked(f"{event.entity}-later")
    huge = '{"version": 1, "state": {"code": "C-2", "note": "' + "x" * 1_100_000 + '"}}'
    async with machinery.connect() as connection:
        await commit(
            connection,
            [
                *(outbox_row(later, "C-1", version) for version in (1, 2)),
                outbox_row(event, "C-2", 1, payload=huge),
                outbox_row(event, "C-2", 2),
                outbox_row(event, "C-3", 1, headers="[1]"),
                *(outbox_row(event, "C-4", version) for version in (1, 2, 3)),
            ],
        )
    async with relaying(machinery, Pace(retry_blocked_s=0.5)):

        async def only_blocked() -> bool:
            return await waiting(machinery) == {"C-1": [1, 2], "C-2": [1, 2], "C-3": [1]}

        await eventually(only_blocked)
        await measure_outbox(machinery.context.db, "machinery")
        assert OUTBOX_BLOCKED.labels("machinery")._value.get() == 3
        assert OUTBOX_PENDING.labels("machinery")._value.get() == 5
        assert OUTBOX_OLDEST_AGE.labels("machinery")._value.get() > 0
        reasons = await machinery.fetch(
            "SELECT blocked FROM outbox_pending WHERE blocked IS NOT NULL ORDER BY aggregateid"
        )
        assert [row["blocked"].split(" ")[0] for row in reasons] == ["topic", "it", "its"]

        await ensure_topics(machinery.settings.kafka_bootstrap, {later.topic: topic_of(later.topic, [later])})

        async def healed() -> bool:
            return "C-1" not in await waiting(machinery)

        await eventually(healed)
    arrived = first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic))
    assert arrived == {"C-4": [1, 2, 3]}
    assert first_seen(await whole_topic(machinery.settings.kafka_bootstrap, later.topic)) == {"C-1": [1, 2]}


async def limit_records(machinery, topic, bytes_):
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    admin = AIOKafkaAdminClient(bootstrap_servers=machinery.settings.kafka_bootstrap)
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(bytes_)})])
    await admin.close()


def large(code, version):
    return f'{{"version": {version}, "state": {{"code": "{code}", "note": "{"x" * 9_000}"}}}}'


async def test_what_only_the_broker_refuses_blocks_its_aggregate_too(machinery, event, eventually):
    await limit_records(machinery, event.topic, 5_000)
    rows = [outbox_row(event, f"C-{n}", version) for n in range(4) for version in (1, 2, 3) if (n, version) != (1, 2)]
    async with machinery.connect() as connection:
        await commit(connection, [*rows, outbox_row(event, "C-1", 2, payload=large("C-1", 2))])

    async with relaying(machinery, Pace(retry_blocked_s=1e9, longest_pause_s=0.2)):

        async def only_blocked() -> bool:
            return await waiting(machinery) == {"C-1": [2, 3]}

        await eventually(only_blocked, within_s=30)
    arrived = first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic))
    assert arrived == {"C-0": [1, 2, 3], "C-1": [1], "C-2": [1, 2, 3], "C-3": [1, 2, 3]}


async def test_one_that_stays_refused_keeps_no_other_from_being_tried_again(machinery, event, eventually):
    """All are tried again and again, and the broker refuses two of them each time."""
    await limit_records(machinery, event.topic, 5_000)
    codes = [f"C-{n}" for n in (3, 4, 5)]
    refused = [outbox_row(event, code, 1, payload=large(code, 1)) for code in codes]
    async with machinery.connect() as connection:
        await commit(connection, [*refused, *(outbox_row(event, code, 2) for code in codes)])

        async with relaying(machinery, Pace(retry_blocked_s=3.0, longest_pause_s=0.2)):

            async def are_blocked() -> bool:
                return len(await machinery.fetch("SELECT 1 FROM outbox_pending WHERE blocked IS NOT NULL")) == len(
                    codes
                )

            await eventually(are_blocked, within_s=30)
            short = '{"version": 1, "state": {"code": "C-4"}}'
            await connection.execute("UPDATE outbox SET payload = $1 WHERE aggregateid = 'C-4' AND version = 1", short)

            async def healed() -> bool:
                return "C-4" not in await waiting(machinery)

            await eventually(healed, within_s=30)
    assert first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic)) == {"C-4": [1, 2]}


async def test_one_that_is_refused_all_the_time_keeps_no_other_from_its_partition(machinery, event, eventually):
    """Tried again in every walk, it neither ends the walk nor takes the client from those behind it."""
    await limit_records(machinery, event.topic, 5_000)
    async with machinery.connect() as connection, relaying(machinery, Pace(retry_blocked_s=0.0)) as relay:
        await commit(connection, [outbox_row(event, "C-1", 1, payload=large("C-1", 1)), outbox_row(event, "C-1", 2)])

        async def is_blocked_again() -> bool:
            refused = PRODUCE_ERRORS.labels("machinery", "MessageSizeTooLargeError")._value.get()
            return refused >= 3 and relay.trouble is None

        await eventually(is_blocked_again, within_s=30)
        for version in range(1, 6):
            await commit(connection, [outbox_row(event, f"D-{n}", version) for n in range(60)])

            async def only_blocked() -> bool:
                return list(await waiting(machinery)) == ["C-1"]

            await eventually(only_blocked, within_s=20)
            assert relay.trouble is None
    arrived = first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic))
    assert arrived == {f"D-{n}": [1, 2, 3, 4, 5] for n in range(60)}


async def test_a_broker_that_is_away_keeps_events_and_says_so(machinery, eventually):
    away = machinery.settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    lost = ticked("away")
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(lost, "C-1", 1)])
    relay = Relay(away, machinery.context.wake, pace=Pace(longest_pause_s=0.2))
    running = asyncio.create_task(relay.run())
    await eventually(lambda: relay.trouble == "The relay is waiting: KafkaConnectionError.")
    relay.stop()
    await asyncio.wait_for(running, 10)
    assert await waiting(machinery) == {"C-1": [1]}


async def test_topics_are_made_once_with_fixed_partitions_and_their_retention(kafka_bootstrap):
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    made = ticked("provisioned")
    wanted = {made.topic: topic_of(made.topic, [made])}
    assert await ensure_topics(kafka_bootstrap, wanted) == [made.topic]
    assert await ensure_topics(kafka_bootstrap, wanted) == []
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_bootstrap)
    await admin.start()
    [topic] = await admin.describe_topics([made.topic])
    [answer] = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, made.topic)])
    await admin.close()
    assert len(topic["partitions"]) == 6
    assert ("retention.ms", "-1") in {(name, value) for name, value, *_ in answer.resources[0][4]}
    made.partitions = 3
    with pytest.raises(WrongTopic, match="has 6 partitions; the contracts say 3"):
        await ensure_topics(kafka_bootstrap, {made.topic: topic_of(made.topic, [made])})


async def test_upkeep_forgets_old_ids_and_makes_the_next_partitions(machinery):
    await machinery.fetch(
        "INSERT INTO inbox (consumer, source, event_id, received_at)"
        " VALUES ('a', 'b', 'old', now() - interval '31 days'), ('a', 'b', 'new', now() - interval '29 days')"
    )
    await tidy(machinery.context.db)
    assert [row["event_id"] for row in await machinery.fetch("SELECT event_id FROM inbox")] == ["new"]


class Absent:
    """As much of a client as an idle publisher uses; its broker comes and goes."""

    def __init__(self) -> None:
        self.client, self.is_away = self, True

    async def fetch_all_metadata(self) -> None:
        if self.is_away:
            raise KafkaConnectionError("nobody listens")

    async def stop(self) -> None:
        pass


async def absent(*, idempotent: bool) -> Absent:
    del idempotent
    return Absent()


async def test_a_publisher_that_has_nothing_to_tell_sees_the_broker_go_and_come(eventually):
    up, broker = KAFKA_UP.labels("idle"), Absent()
    up.set(1)
    publisher = KafkaPublisher(broker, "idle", SecondClient(absent), look_every_s=0.01)
    await eventually(lambda: up._value.get() == 0)
    broker.is_away = False
    await eventually(lambda: up._value.get() == 1)
    await publisher.close()


async def test_a_client_that_stands_still_beside_a_broker_that_answers_is_replaced(machinery, event, eventually):
    """Its own sender has ended: it takes batches, and that is all it does."""
    made = 0

    async def connect(*, idempotent: bool) -> AIOKafkaProducer:
        nonlocal made
        made += 1
        producer = await connect_producer(machinery.settings, idempotent=idempotent)
        if made == 1:
            producer._sender.sender_task.cancel()
        return producer

    async def publisher(*_: object) -> KafkaPublisher:
        return await KafkaPublisher.open(connect, "machinery", look_every_s=0.1, still_s=1.0)

    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(event, "C-1", version) for version in (1, 2, 3)])
    async with relaying(machinery, Pace(longest_pause_s=0.2), Strategies(publisher=publisher)):

        async def drained() -> bool:
            return not await waiting(machinery)

        await eventually(drained, within_s=20)
    assert made == 2
    assert first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic)) == {"C-1": [1, 2, 3]}


async def test_who_waits_for_an_absent_broker_waits_on_and_a_little_when_it_is_back():
    handed, ended = Handed(0.2), list[float]()

    async def waits() -> None:
        with suppress(TimeoutError):
            async with handed.one():
                await asyncio.Event().wait()
        ended.append(time.monotonic())

    async def look_for(seconds: float, answers: bool) -> None:
        for _ in range(round(seconds / 0.01)):
            handed.look(answers)
            await asyncio.sleep(0.01)

    waiter = asyncio.create_task(waits())
    await look_for(0.5, False)
    back_at = time.monotonic()
    assert ended == []
    await look_for(0.5, True)
    await waiter
    assert ended[0] - back_at >= 0.2


async def test_a_publisher_that_cannot_learn_its_topics_leaves_nothing_running():
    before = asyncio.all_tasks()
    with pytest.raises(KafkaConnectionError):
        await KafkaPublisher.open(absent, "idle")
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
