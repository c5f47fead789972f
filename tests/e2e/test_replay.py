"""`takt replay` on a real stack whose broker lost its disk: the log is what it was, and nothing takes effect again."""

import asyncio
import os
import re
import shutil
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from takt.stack import status
from takt_contracts.roles import Role
from tests.e2e.kafka_log import all_records
from tests.e2e.plant import Plant, planted
from tests.e2e.road import Road, workbook
from tests.e2e.stack import SERVICES, Stack, running_stack, until
from tests.faults.checkers.history import Out
from tests.faults.checkers.order import Record, first_seen
from tests.faults.checkers.queue import account
from tests.faults.checkers.verdict import Truth
from tests.faults.harness import points

pytestmark = [pytest.mark.broker, pytest.mark.long, pytest.mark.timeout(580)]
_MACHINERY = ("inbox", "joined_groups", "relay_slots", "relay_members", "read_model_progress", "outbox%")
_BY_THE_CLOCK = "takt.records.checkpoint"
"""Told every minute, whatever else happens."""
_TABLES = """
SELECT schemaname || '.' || tablename FROM pg_tables
WHERE schemaname = ANY($1) AND NOT tablename LIKE ANY($2) ORDER BY 1
"""
_STARTED = "Kafka Server started"
_TOLD = re.compile(r"^(\w+): (\d+) of (\d+) events told$", re.M)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """One of this module's own: its broker loses its disk again and again."""
    with running_stack() as made:
        yield made


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.gateway, trust_env=False, timeout=30) as made:
        yield made


@pytest.fixture
async def plant(client: httpx.AsyncClient, stack: Stack) -> Plant:
    """With a booking and an imported workbook, so that every kind of event is there."""
    made = await planted(client, stack)
    await made.act("report", good="7")
    rows = [(f"R-{made.order}-{n}", f"Part {n}", "pcs") for n in range(700)]
    road = Road(client, stack.headers(Role.PLANNER))
    done = await road.imported("items", "items.xlsx", workbook(("code", "name", "unit"), rows))
    assert done["state"] == "done", done
    return made


async def lose_the_disk(stack: Stack) -> None:
    """Take the broker away from its folder and kill it. The launcher is quick: nothing is deleted where it looks."""
    pid, log = status.read(stack.data)["pids"]["kafka"], stack.data / "logs" / "kafka.log"
    starts = log.read_text(errors="replace").count(_STARTED)
    lost = (stack.data / "kafka" / "broker-0").rename(stack.data / "kafka" / "lost")
    os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, [psutil.Process(pid)] if psutil.pid_exists(pid) else [], 10)
    shutil.rmtree(lost)

    async def back() -> bool:
        return log.read_text(errors="replace").count(_STARTED) > starts

    await until(back, limit_s=240)


async def replay(stack: Stack, **environment: str) -> tuple[int, str]:
    return await takt("replay", "--data", str(stack.data), **environment)


async def takt(*arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code, and what it said."""
    argv, given = [sys.executable, "-m", "takt", *arguments], {**os.environ, **environment}
    done = await asyncio.create_subprocess_exec(*argv, env=given, stdout=PIPE, stderr=PIPE)
    out, err = await done.communicate()
    return done.returncode or 0, out.decode() + err.decode()


async def quiet(stack: Stack) -> None:
    """Until all is told, every group has read to the end, and every service is ready. Says what it waited for."""
    last: Any = None

    async def rests() -> bool:
        nonlocal last
        for unrest in (untold, unready, unread, untold):
            if last := await unrest(stack):
                return False
        return True

    try:
        await until(rests, limit_s=300)
    except TimeoutError:
        pytest.fail(f"no rest within 300 s: {last}")


async def untold(stack: Stack) -> list[str]:
    """Services with events that the broker has not acknowledged, and how many."""
    async with stack.database() as connection:
        counts = {one: await connection.fetchval(f"SELECT count(*) FROM {one}.outbox_pending") for one in SERVICES}
    return [f"{schema} has {count} events to tell" for schema, count in counts.items() if count]


async def unread(stack: Stack) -> list[str]:
    """Groups that have not committed where a partition ends, and those where they have committed nothing."""
    known = " UNION ".join(f"SELECT group_name, topic, partition FROM {schema}.joined_groups" for schema in SERVICES)
    async with stack.database() as connection:
        joined = await connection.fetch(known)
    bootstrap, behind = str(stack.status["kafka"]), list[str]()
    admin, reader = AIOKafkaAdminClient(bootstrap_servers=bootstrap), AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await admin.start()
    await reader.start()
    try:
        ends = await reader.end_offsets({TopicPartition(topic, number) for _, topic, number in joined})
        for group in {row["group_name"] for row in joined}:
            committed = await admin.list_consumer_group_offsets(group)
            places = {TopicPartition(row["topic"], row["partition"]) for row in joined if row["group_name"] == group}
            for place in places:
                at = committed[place].offset if place in committed else None
                if at != ends[place]:
                    behind.append(f"{group} is at {at} of {ends[place]} in {place.topic} {place.partition}")
    finally:
        await reader.stop()
        await admin.close()
    return behind


async def unready(stack: Stack) -> list[str]:
    """What services say for which no request should come to them."""
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        answers = [await client.get(f"{stack.status[service]}/health/ready") for service in SERVICES]
    return [f"{answer.url}: {answer.text}" for answer in answers if answer.status_code != 200]


async def content(stack: Stack) -> dict[str, Any]:
    """A digest of every table but the machinery's, and the ids of all events."""
    found: dict[str, Any] = {}
    async with stack.database() as connection:
        for row in await connection.fetch(_TABLES, list(SERVICES), [*_MACHINERY, "%checkpoints"]):
            digest = f"SELECT md5(string_agg(one::text, '|' ORDER BY one::text)) FROM {row[0]} one"
            found[row[0]] = await connection.fetchval(digest)
        for schema in SERVICES:
            ids = await connection.fetch(f"SELECT id FROM {schema}.outbox WHERE topic <> $1", _BY_THE_CLOCK)
            found[f"{schema}.outbox"] = {str(row[0]) for row in ids}
    return found


async def log_of(stack: Stack) -> list[Record]:
    """Every record of every topic, keys named by their topic."""
    raw = await all_records(str(stack.status["kafka"]))
    kept = [one for one in raw if one.topic != _BY_THE_CLOCK]
    return [_record(one) for one in sorted(kept, key=lambda one: (one.topic, one.partition, one.offset))]


def _record(raw: Any) -> Record:
    headers = {name: value.decode() for name, value in raw.headers}
    key = f"{raw.topic} {raw.key.decode()}"
    return Record(key, int(headers["ce_sequence"]), headers["ce_id"], raw.partition)


def firsts(log: list[Record]) -> dict[str, list[str]]:
    """Event ids of each key in the order of their first copies."""
    found: dict[str, dict[str, None]] = {}
    for record in log:
        found.setdefault(record.key, {})[record.id] = None
    return {key: list(ids) for key, ids in found.items()}


async def test_a_broker_that_lost_its_disk_holds_the_same_log_again_and_nothing_is_applied_twice(
    stack: Stack, plant: Plant
) -> None:
    await quiet(stack)
    before, log = await content(stack), await log_of(stack)
    async with stack.database() as connection:
        for schema in SERVICES:
            await connection.execute(f"DELETE FROM {schema}.inbox")  # as after more than 30 days
    await lose_the_disk(stack)
    code, said = await replay(stack)

    assert code == 0, said
    assert all(told == there for _, told, there in _TOLD.findall(said)), said
    assert sum(int(told) for _, told, _ in _TOLD.findall(said)) >= len({one.id for one in log}) > 700, said
    await quiet(stack)
    again = await log_of(stack)
    assert firsts(again) == firsts(log)
    assert first_seen(again, least=700).truth is Truth.TRUE, first_seen(again)
    after = await content(stack)
    assert after == before, [name for name in before if before[name] != after[name]]


@dataclass
class Shift:
    """Somebody who books without a pause. What got no answer may have been booked or not."""

    plant: Plant
    acknowledged: int = 0
    unanswered: int = 0
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> None:
        while not self._over.is_set():
            try:
                await self.plant.act("report", good="0.001")
                self.acknowledged += 1
            except httpx.TransportError:
                self.unanswered += 1
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def on(self) -> AsyncIterator[None]:
        """Until the end of the block, and what is under way then."""
        working = asyncio.create_task(self.work())
        try:
            yield
        finally:
            self._over.set()
            await working

    async def is_on_the_card(self, stack: Stack) -> bool:
        """Every booking that was acknowledged, the first one of the plant too, and none that was never sent."""
        async with stack.database() as connection:
            shown = "SELECT count(*) FROM gateway.card_entries WHERE order_no = $1"
            extra = await connection.fetchval(shown, self.plant.order) - 1 - self.acknowledged
        return bool(0 <= extra <= self.unanswered)


async def test_commands_go_on_while_the_disk_is_lost_and_told_again(stack: Stack, plant: Plant) -> None:
    shift = Shift(plant)
    async with shift.on():
        await lose_the_disk(stack)
        code, said = await replay(stack)
        told_again = shift.acknowledged
        await asyncio.sleep(2)
    await quiet(stack)
    log, tables = await log_of(stack), await content(stack)

    assert code == 0, said
    assert shift.acknowledged > told_again > 0
    everything = {id_: Out.OK for schema in SERVICES for id_ in tables[f"{schema}.outbox"]}
    counted = account(everything, [one.id for one in log], least=700)
    assert counted.truth is Truth.TRUE, counted
    assert first_seen(log, least=700).truth is Truth.TRUE, first_seen(log)
    assert await shift.is_on_the_card(stack), shift


async def test_a_broker_that_is_not_empty_is_left_as_it_is(stack: Stack, plant: Plant) -> None:
    await quiet(stack)
    before, log = await content(stack), await log_of(stack)
    code, said = await replay(stack)

    assert code == 1
    assert "Nothing was changed. The broker is not empty" in said
    assert re.search(r"takt\.[a-z.-]+ holds \d+", said), said
    assert (await content(stack), await log_of(stack)) == (before, log)


async def test_without_a_stack_there_is_nothing_to_tell(stack: Stack) -> None:
    code, said = await takt("replay", "--data", str(stack.data / "elsewhere"))

    assert code == 1
    assert "No stack runs on" in said


@pytest.mark.parametrize("point", points.REPLAY)
async def test_a_replay_that_is_killed_is_run_again_and_ends_the_same(stack: Stack, plant: Plant, point: str) -> None:
    await quiet(stack)
    before, log = await content(stack), await log_of(stack)
    await lose_the_disk(stack)
    killed, _ = await replay(stack, TAKT_CRASH_POINT=f"{point}:1")
    await plant.act("report", good="1")
    code, said = await replay(stack)

    assert killed not in {0, 1, 2}
    assert code == 0, said
    await quiet(stack)
    again, after = await log_of(stack), await content(stack)
    assert first_seen(again, least=700).truth is Truth.TRUE, first_seen(again)
    assert {one.id for one in log} < {one.id for one in again}
    assert [name for name in before if name.startswith("imports.import") and before[name] != after[name]] == []


async def test_a_model_is_made_from_its_owners_archive_where_the_log_has_lost_its_beginning(
    stack: Stack, plant: Plant
) -> None:
    """Also while work goes on; and killed before its commit, it has changed nothing."""
    await behead(stack, "takt.operations.operation")
    rebuilding, shift = ("rebuild", "gateway", "order-card", "--data", str(stack.data)), Shift(plant)
    async with shift.on():
        killed, _ = await takt(*rebuilding, TAKT_CRASH_POINT="rebuild.before_commit:1")
        busy, said_busy = await takt(*rebuilding)
    await quiet(stack)
    code, said = await takt(*rebuilding)

    assert killed not in {0, 1, 2}
    assert (busy, code) == (0, 0), said_busy + said
    assert "read from its owner too: takt.operations.operation" in said
    assert "(the same)" in said, said
    assert shift.acknowledged > 0
    assert await shift.is_on_the_card(stack), shift


async def behead(stack: Stack, topic: str) -> None:
    """Everything that the topic holds now is deleted, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=str(stack.status["kafka"]))
    await admin.start()
    try:
        [described] = await admin.describe_topics([topic])
        places = [TopicPartition(topic, part["partition"]) for part in described["partitions"]]
        await admin.delete_records({place: RecordsToDelete(before_offset=-1) for place in places})
    finally:
        await admin.close()
