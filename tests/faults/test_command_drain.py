"""A service is asked to end under load: it takes no new work, answers what it has begun, and loses nothing of it."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import TopicPartition

from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import enough
from tests.faults.harness import judging, tables
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import until
from tests.faults.harness.reports import passes
from tests.faults.harness.shop import Shop

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long, pytest.mark.timeout(200)]
COMMANDS = 400
DRAINS_WITHIN_S = 25.0
_HELD_S = 2.0  # less than the lock time-out of a session
_LOCK = "SELECT FROM operations WHERE order_no || '/' || operation_no = $1 FOR UPDATE"


@asynccontextmanager
async def slow_down(plant: Plant, key: str) -> AsyncIterator[None]:
    """Commands on this operation wait for somebody else's lock."""
    async with tables.superuser(plant) as holder, tables.lock_waits(plant) as waits, holder.transaction():
        await holder.execute(_LOCK, key)
        await until(lambda: any(waits), 30, "commands that wait")
        yield
        await asyncio.sleep(_HELD_S)


async def test_a_service_that_is_asked_to_end_answers_what_it_has_begun(
    plant: Plant, small_shop: Shop, log_ends: dict[TopicPartition, int]
) -> None:
    _, staying = plant.service("api", "relay")
    leaving, address = plant.service("api")
    await small_shop.open(staying)
    working = asyncio.create_task(small_shop.work([address, staying], clients=8, commands=COMMANDS))
    await until(lambda: len(small_shop.history) >= COMMANDS // 8, 60, "an eighth of the commands")
    async with slow_down(plant, small_shop.keys[0]):
        asked = time.monotonic()
        os.kill(leaving.pid, signal.SIGTERM)
    await leaving.ended(within_s=DRAINS_WITHIN_S)
    await working
    await tables.drained(plant)

    history = small_shop.history
    begun = sum(op.t0 < asked < op.t1 and op.out is Out.OK for op in history)
    later = sum(op.t0 > asked and op.out is Out.OK for op in history)
    assert [op for op in history if (op.http or 0) >= 500] == []
    assert leaving.says("service.stopped"), leaving.tail()
    guard = enough(begun_before_and_answered_after=(begun, 1), later=(later, 1))
    passes([guard, *await judging.verdicts(plant, small_shop, log_ends, least=COMMANDS // 2)])
