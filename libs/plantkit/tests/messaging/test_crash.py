"""Killed where it hurts: after each point the next process brings everything to the end, in order, with one effect."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from libs.plantkit.tests.messaging.support import (
    Machinery,
    commit,
    effects,
    first_seen,
    make_effects_table,
    outbox_row,
    producing,
    tell,
    whole_topic,
)
from plantkit.crash import VARIABLE
from takt_contracts.event import Event

pytestmark = [pytest.mark.db, pytest.mark.broker]
ROOT = Path(__file__).parents[4]
LONG = partial(pytest.param, marks=pytest.mark.long)
Start = Callable[..., subprocess.Popen[bytes]]
CODES = [f"C-{n}" for n in range(20)]
COMPLETE = {code: list(range(1, 16)) for code in CODES}


@pytest.fixture
async def start(machinery: Machinery, event: type[Event]) -> AsyncIterator[Start]:
    """`start("relay", crash="relay.after_select:1")`: a process that this test ends."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(loop: str, crash: str | None = None) -> subprocess.Popen[bytes]:
        url, broker = machinery.settings.database_url.get_secret_value(), machinery.settings.kafka_bootstrap
        environ = os.environ | ({VARIABLE: crash} if crash else {})
        command = [sys.executable, "-m", "libs.plantkit.tests.messaging.child", loop, url, broker, event.entity]
        child = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL)
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        await asyncio.to_thread(child.wait)


async def killed(child: subprocess.Popen[bytes]) -> bool:
    return await asyncio.to_thread(child.wait, 30) == -signal.SIGKILL


async def fill(machinery: Machinery, event: type[Event]) -> None:
    async with machinery.connect() as connection:
        await commit(connection, [outbox_row(event, code, version) for version in range(1, 16) for code in CODES])


def all_marked(machinery: Machinery) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return not await machinery.fetch("SELECT 1 FROM outbox_pending")

    return look


@pytest.mark.parametrize("point", [LONG("after_select:2"), LONG("after_send_before_ack:3"), "after_ack_before_mark:2"])
async def test_a_relay_killed_at_any_point_loses_nothing_and_keeps_the_order(
    machinery, event, start, eventually, point
):
    await fill(machinery, event)
    assert await killed(start("relay", crash=f"relay.{point}"))
    assert not await all_marked(machinery)()

    start("relay")
    await eventually(all_marked(machinery), within_s=60)

    assert first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic)) == COMPLETE


@pytest.mark.long
async def test_a_relay_that_was_stopped_past_its_lease_is_fenced_and_dies_where_it_learns_so(
    machinery, event, start, eventually
):
    zombie = start("relay", crash="relay.after_lease_lost:1")

    async def owned() -> bool:
        return bool(await machinery.fetch("SELECT 1 FROM relay_slots WHERE owner IS NOT NULL"))

    await eventually(owned, within_s=60)
    zombie.send_signal(signal.SIGSTOP)
    await fill(machinery, event)
    start("relay")
    await eventually(all_marked(machinery), within_s=60)
    zombie.send_signal(signal.SIGCONT)
    assert await killed(zombie)
    assert first_seen(await whole_topic(machinery.settings.kafka_bootstrap, event.topic)) == COMPLETE


@pytest.mark.parametrize(
    "point", [LONG("after_poll:2"), LONG("after_effect_before_commit:2"), "after_commit_before_offset:2"]
)
async def test_a_consumer_killed_at_any_point_has_one_effect_of_each_event(machinery, event, start, eventually, point):
    await make_effects_table(machinery)
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for version in range(1, 16):
            await asyncio.gather(*(tell(producer, event, code, version) for code in CODES))
    assert await killed(start("consumer", crash=f"consumer.{point}"))
    assert await effects(machinery) != COMPLETE

    start("consumer")

    async def complete() -> bool:
        return sum(map(len, (await effects(machinery)).values())) >= 300

    await eventually(complete, within_s=60)
    assert await effects(machinery) == COMPLETE


@pytest.mark.long
async def test_a_consumer_that_was_stopped_past_its_session_adds_no_second_effect(machinery, event, start, eventually):
    await make_effects_table(machinery)
    zombie = start("consumer")

    async def joined() -> bool:
        return bool(await machinery.fetch("SELECT 1 FROM joined_groups"))

    await eventually(joined, within_s=60)
    async with producing(machinery.settings.kafka_bootstrap) as producer:
        for version in range(1, 6):
            await asyncio.gather(*(tell(producer, event, code, version) for code in CODES))
        zombie.send_signal(signal.SIGSTOP)
        for version in range(6, 16):
            await asyncio.gather(*(tell(producer, event, code, version) for code in CODES))
        start("consumer")

        async def complete() -> bool:
            return await effects(machinery) == COMPLETE

        await eventually(complete, within_s=60)
        zombie.send_signal(signal.SIGCONT)
        await asyncio.sleep(2)
        assert await complete()
