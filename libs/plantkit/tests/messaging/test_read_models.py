"""Read models against the real broker: how fresh they are, and that the log makes the same again whatever happens."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from libs.plantkit.tests.messaging.support import SERVICE, Machinery, producing, tell
from plantkit.crash import VARIABLE
from plantkit.db.engine import Database
from plantkit.messaging.broker import commit_client
from plantkit.messaging.consumer import Consumer, consumes
from plantkit.messaging.freshness import Marks
from plantkit.messaging.partitions import partition_of
from plantkit.messaging.read_models import Freshness, ReadModel, freshness, of_all
from plantkit.messaging.rebuild import RebuildRefused, rebuild
from plantkit.messaging.wiring import Messaging
from plantkit.settings import Loop
from plantkit.slice import Slice
from takt.workspace import root
from takt_contracts.event import Event

_MODEL = ReadModel(
    name="counters",
    tables=(
        Table(
            "counters", MetaData(schema=SERVICE), Column("code", Text, primary_key=True), Column("version", BigInteger)
        ),
    ),
)
_TABLES = """
CREATE TABLE counters (code text PRIMARY KEY, version bigint NOT NULL, seen bigint NOT NULL);
CREATE TABLE read_model_progress (model text, topic text, as_of timestamptz, lag bigint, aside bigint, passed bigint,
                                  checked_at timestamptz, PRIMARY KEY (model, topic))
"""
_COUNT = """
INSERT INTO counters AS known (code, version, seen) SELECT code, max(version), count(*)
FROM unnest($1::text[], $2::bigint[]) AS told (code, version) GROUP BY code
ON CONFLICT (code) DO UPDATE SET version = greatest(known.version, excluded.version), seen = known.seen + excluded.seen
"""
Handler = Callable[[Any, Any], Awaitable[None]]


async def count(tx: Any, deliveries: Any) -> None:
    """A row per code: its newest version, and how many events took effect."""
    await tx.connection.execute(_COUNT, [one.subject for one in deliveries], [one.version for one in deliveries])


def group_of(event: type[Event]) -> str:
    """Of one test only: files run beside each other on one broker."""
    return f"tests.{event.entity}"


def counting(event: type[Event], handler: Handler = count) -> Consumer:
    return consumes(event, group=group_of(event), model=_MODEL)(handler)


@asynccontextmanager
async def consuming(machinery: Machinery, consumer: Consumer) -> AsyncIterator[Messaging]:
    messaging = Messaging(machinery.context, [Slice(name="tests", consumers=(consumer,))])
    await messaging.start({Loop.CONSUMERS})
    try:
        yield messaging
    finally:
        await messaging.stop()


@pytest.fixture
async def counters(machinery: Machinery) -> Machinery:
    await machinery.fetch("SELECT 1")
    async with machinery.connect() as connection:
        await connection.execute(_TABLES)
    return machinery


async def rows(machinery: Machinery) -> dict[str, tuple[int, int]]:
    return {row["code"]: (row["version"], row["seen"]) for row in await machinery.fetch("SELECT * FROM counters")}


async def told(machinery: Machinery, event: type[Event], codes: int = 8, versions: int = 5, first: int = 1) -> None:
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for version in range(first, first + versions):
            for code in range(codes):
                await tell(producer, event, f"C-{code}", version)


def all_of(codes: int = 8, versions: int = 5) -> dict[str, tuple[int, int]]:
    return {f"C-{code}": (versions, versions) for code in range(codes)}


async def until(machinery: Machinery, wanted: dict[str, tuple[int, int]]) -> None:
    try:
        async with asyncio.timeout(40):
            while await rows(machinery) != wanted:  # noqa: ASYNC110  # only the database knows
                await asyncio.sleep(0.05)
    except TimeoutError:
        assert await rows(machinery) == wanted


@pytest.mark.parametrize("spoilt", ["DELETE FROM counters", "UPDATE counters SET seen = 99 WHERE code = 'C-1'", ""])
@pytest.mark.db
@pytest.mark.broker
async def test_the_log_makes_the_same_model_again(counters, event, spoilt):
    await told(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())
    if spoilt:
        await counters.fetch(spoilt)

    done = await rebuild(counters.context, counting(event))
    again = await rebuild(counters.context, counting(event))

    assert await rows(counters) == all_of()
    assert (done.before == done.after) is (not spoilt)
    assert again.before == again.after == done.after
    assert (done.records, done.unreadable, done.stuck) == (40, 0, 0)


@pytest.mark.db
@pytest.mark.broker
async def test_the_consumer_goes_on_after_a_rebuild_and_counts_nothing_twice(counters, event):
    await told(counters, event)
    async with consuming(counters, counting(event)) as messaging:
        await until(counters, all_of())
        stop = asyncio.Event()

        async def traffic() -> int:
            version = 5
            async with producing(counters.settings.kafka_bootstrap) as producer:
                while not stop.is_set():
                    version += 1
                    for code in range(8):
                        await tell(producer, event, f"C-{code}", version)
            return version

        telling = asyncio.create_task(traffic())
        for _ in range(3):
            await rebuild(counters.context, counting(event))
        stop.set()
        last = await telling
        await until(counters, all_of(versions=last))
        assert messaging.ready() == []

    quiet = await rebuild(counters.context, counting(event))
    assert quiet.before == quiet.after
    assert await counters.fetch("SELECT * FROM parked") == []


@pytest.mark.db
@pytest.mark.broker
async def test_readers_see_the_old_model_until_the_new_one_is_complete(counters, event):
    await told(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())
    await counters.fetch("UPDATE counters SET seen = 99")
    seen: list[dict[str, tuple[int, int]]] = []

    async def look_and_count(tx: Any, deliveries: Any) -> None:
        await count(tx, deliveries)
        seen.append(await rows(counters))

    await rebuild(counters.context, counting(event, look_and_count))

    assert seen
    assert all({row[1] for row in one.values()} == {99} for one in seen)
    assert await rows(counters) == all_of()


@pytest.mark.db
@pytest.mark.broker
async def test_a_rebuild_that_fails_changes_nothing(counters, event):
    await told(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())

    async def count_and_fail(tx: Any, deliveries: Any) -> None:
        await count(tx, deliveries)
        raise ValueError("not this one")

    with pytest.raises(RebuildRefused, match="ValueError: not this one"):
        await rebuild(counters.context, counting(event, count_and_fail))

    assert await rows(counters) == all_of()
    async with consuming(counters, counting(event)):
        await told(counters, event, versions=1, first=6)
        await until(counters, all_of(versions=6))


_KILLED = """
import asyncio, secrets, sys
from libs.plantkit.tests.messaging.conftest import context_of
from libs.plantkit.tests.messaging.support import ticked
from libs.plantkit.tests.messaging.test_read_models import counting
from plantkit.messaging.rebuild import rebuild

asyncio.run(rebuild(context_of(sys.argv[1], sys.argv[2], secrets.token_hex(32)), counting(ticked(sys.argv[3]))))
"""


@pytest.mark.db
@pytest.mark.broker
async def test_a_rebuild_that_is_killed_before_its_commit_changes_nothing(counters, event):
    await told(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())
    await counters.fetch("UPDATE counters SET seen = 99 WHERE code = 'C-1'")
    before = await rows(counters)

    url, kafka = counters.settings.database_url.get_secret_value(), counters.settings.kafka_bootstrap
    environment = {**os.environ, VARIABLE: "rebuild.before_commit:1"}
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _KILLED, url, kafka, event.entity, env=environment, cwd=root(), stderr=PIPE
    )
    _, said = await killed.communicate()
    assert killed.returncode == -signal.SIGKILL, said.decode()

    assert await rows(counters) == before
    await rebuild(counters.context, counting(event))
    assert await rows(counters) == all_of()


@pytest.mark.db
@pytest.mark.broker
async def test_what_lay_aside_is_in_the_new_model_and_what_nobody_can_read_is_counted(counters, event):
    async def refuse(tx: Any, deliveries: Any) -> None:
        if any(one.subject == "C-1" for one in deliveries):
            raise ValueError("not yet")
        await count(tx, deliveries)

    await told(counters, event)
    async with producing(counters.settings.kafka_bootstrap) as producer:
        await producer.send_and_wait(event.topic, b"no event", key=b"C-9")
    waiting = "SELECT count(*) AS n FROM parked WHERE state <> 'redriven'"
    async with consuming(counters, counting(event, refuse)):
        async with asyncio.timeout(40):
            while (await counters.fetch(waiting))[0]["n"] < 6:  # noqa: ASYNC110  # only the database knows
                await asyncio.sleep(0.05)

    done = await rebuild(counters.context, counting(event))

    assert await rows(counters) == all_of()
    assert done.unreadable == 1
    assert [row["key"] for row in await counters.fetch("SELECT key FROM parked WHERE state <> 'redriven'")] == [b"C-9"]


async def move_place(machinery: Machinery, event: type[Event], offset: int) -> None:
    client = commit_client(machinery.settings.kafka_bootstrap, group_of(event))
    await client.start()
    client.assign([TopicPartition(event.topic, 0)])
    await client.commit({TopicPartition(event.topic, 0): offset})
    await client.stop()


@pytest.mark.db
@pytest.mark.broker
async def test_a_group_that_lost_its_place_is_put_where_the_model_is(counters, event):
    await told(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())
    await move_place(counters, event, 99_999)

    done = await rebuild(counters.context, counting(event))

    assert done.stuck == 0
    async with consuming(counters, counting(event)) as messaging:
        await told(counters, event, versions=1, first=6)
        await until(counters, all_of(versions=6))
        assert messaging.ready() == []


@pytest.mark.db
@pytest.mark.broker
async def test_a_log_that_holds_less_than_the_model_is_refused(counters, event):
    await told(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())
    known = "INSERT INTO read_model_progress VALUES ('counters', $1, now(), 0, 0, 41, now()) ON CONFLICT DO NOTHING"
    await counters.fetch("DELETE FROM read_model_progress")
    await counters.fetch(known, event.topic)

    with pytest.raises(RebuildRefused, match="holds 40 records, and the model has read 41"):
        await rebuild(counters.context, counting(event))
    assert await rows(counters) == all_of()


@pytest.mark.db
@pytest.mark.broker
async def test_a_log_without_its_beginning_is_refused_unless_the_newest_is_all_that_counts(counters, event):
    await told(counters, event)
    async with consuming(counters, counting(event)):
        await until(counters, all_of())
    admin = AIOKafkaAdminClient(bootstrap_servers=counters.settings.kafka_bootstrap)
    await admin.start()
    try:
        number = partition_of(b"C-1", 6)
        await admin.delete_records({TopicPartition(event.topic, number): RecordsToDelete(before_offset=1)})
    finally:
        await admin.close()

    with pytest.raises(RebuildRefused, match=f"partition {number} begins at offset 1"):
        await rebuild(counters.context, counting(event))
    assert await rows(counters) == all_of()

    compacted = type("Compacted", (event,), {"compacted": True, "__module__": __name__})
    done = await rebuild(counters.context, counting(compacted))
    assert done.records == 39


@pytest.mark.db
@pytest.mark.broker
async def test_a_model_is_fresh_without_traffic_stale_behind_a_lock_or_without_its_consumer_and_heals(counters, event):
    impatient = counters.settings.model_copy(update={"read_model_stale_s": 2.5})
    context = replace(counters.context, settings=impatient, db=Database(impatient))
    watched = Machinery(impatient, context)

    async def becomes(stale: bool) -> Freshness:
        async with asyncio.timeout(40):
            while (known := of_all(await freshness(context.db, _MODEL), [event.topic])).stale is not stale:  # noqa: ASYNC110 - see `until`
                await asyncio.sleep(0.1)
        return known

    assert (await freshness(context.db, _MODEL)) == {}
    async with consuming(watched, counting(event)):
        first = await becomes(stale=False)
        await asyncio.sleep(3)
        quiet = await becomes(stale=False)
        async with locked(counters):
            await told(counters, event, versions=1)
            held = await becomes(stale=True)
        healed = await becomes(stale=False)
        assert await rows(counters) == all_of(versions=1)
    lost = await becomes(stale=True)
    async with consuming(watched, counting(event)):
        back = await becomes(stale=False)
    await context.db.dispose()

    moments = [one.as_of for one in (first, quiet, held, healed, lost, back) if one.as_of is not None]
    assert len(moments) == 6
    assert moments == sorted(moments)


@asynccontextmanager
async def locked(machinery: Machinery) -> AsyncIterator[None]:
    """As a rebuild holds it."""
    async with machinery.connect() as connection, connection.transaction():
        await connection.execute(_MODEL.alone)
        yield


@pytest.mark.db
@pytest.mark.broker
async def test_a_model_that_lacks_a_record_is_as_old_as_the_time_before(counters, event, eventually):
    async def looked_at() -> Any:
        return await counters.fetch("SELECT * FROM read_model_progress WHERE lag = 0 AND aside = 1")

    async with producing(counters.settings.kafka_bootstrap) as producer:
        await producer.send_and_wait(event.topic, b"no event", key=b"C-9")
    async with consuming(counters, counting(event)):
        [row] = await eventually(looked_at)
    assert row["as_of"] is None


P0, P1 = TopicPartition("t", 0), TopicPartition("t", 1)


def test_a_look_counts_once_all_that_it_saw_has_been_read():
    marks = Marks()
    marks.see(10.0, {P0: 5, P1: 3})
    assert marks.reached({P0: 5, P1: 2}) is None
    marks.see(11.0, {P0: 9, P1: 3})
    assert marks.reached({P0: 6, P1: 3}) == 10.0
    marks.see(12.0, {P0: 9, P1: 3})
    assert marks.reached({P0: 9, P1: 3}) == 12.0
    assert marks.reached({P0: 9, P1: 3}) == 12.0


def test_what_was_seen_of_a_lost_log_does_not_hold_up_the_new_one():
    marks = Marks()
    marks.see(10.0, {P0: 500})
    marks.see(11.0, {P0: 2})
    assert marks.reached({P0: 2}) == 11.0


def test_a_group_without_a_place_has_read_nothing_even_of_an_empty_log():
    marks = Marks()
    marks.see(10.0, {P0: 0})
    assert marks.reached({P0: None}) is None
    assert marks.reached({P0: 0}) == 10.0


def test_what_is_made_of_several_topics_is_as_old_as_the_oldest(now_and_then):
    now, then = now_and_then
    known = {"a": Freshness(now, False), "b": Freshness(then, True)}
    assert of_all(known, ["a", "b"]) == Freshness(then, True)
    assert of_all(known, ["a"]) == Freshness(now, False)
    assert of_all(known, ["a", "c"]) == Freshness(None, True)


@pytest.fixture
def now_and_then() -> tuple[Any, Any]:
    from datetime import timedelta

    from plantkit.clock import utc_now

    now = utc_now()
    return now, now - timedelta(minutes=1)


def test_models_of_different_names_or_services_do_not_wait_for_each_other():
    other = Table("counters", MetaData(schema="elsewhere"), Column("code", Text, primary_key=True))
    locks = {
        model.alone for model in (_MODEL, replace(_MODEL, name="others"), ReadModel(name="counters", tables=(other,)))
    }
    assert len(locks) == 3
