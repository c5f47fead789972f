"""Clients that commit facts straight into the outbox, many at once on few keys, as commands do.

The key's row is locked, its version goes up, the fact is written, and only some milliseconds later the commit follows.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterable
from datetime import UTC, datetime

import asyncpg

from plantkit.ids import new_id
from plantkit.telling import slot_of
from tests.faults.checkers.history import Op, Out
from tests.faults.harness import heat
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import until

COUNTERS = "CREATE TABLE operations.faults_counters (key text PRIMARY KEY, version bigint NOT NULL DEFAULT 0);"
KEYS = 20
_NEXT = "UPDATE faults_counters SET version = version + 1 WHERE key = $1 RETURNING version"
_TELL = """
INSERT INTO outbox (id, month, slot, aggregatetype, aggregateid, version, topic, key, type, time, headers, payload)
VALUES ($1, $2, $3, 'tick', $4, $5, $6, $4, $7, $8, $9, $10)
"""
_LONGEST_HOLD_S = 0.008
_REST_S = 0.02


class Writers:
    """`count` clients, until `stop`. What they saw is in `history`."""

    def __init__(self, plant: Plant, count: int = 12, seed: int = 1) -> None:
        self._plant, self._count, self._seed = plant, count, seed
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.history: list[Op] = []
        self.keys = [f"{plant.name}-{number:02}" for number in range(KEYS)]

    async def start(self) -> None:
        async with self._plant.database.connect() as connection:
            await connection.executemany("INSERT INTO faults_counters (key) VALUES ($1)", [(key,) for key in self.keys])
        self._tasks = [asyncio.create_task(self._write(number)) for number in range(self._count)]

    async def commit(self, count: int) -> None:
        """Wait until so many more facts are committed. Raises Stuck."""
        goal = len(self.history) + count
        await until(lambda: len(self.history) >= goal, 30, f"{count} more commits")

    async def tell(self, key: str, versions: Iterable[int], topic: str | None = None, padding: int = 0) -> None:
        """Facts of another key, beside what the clients do: in another topic, or so many bytes larger."""
        async with self._plant.database.connect() as connection:
            for version in versions:
                t0, told = time.monotonic(), topic or self._plant.topic
                id_ = await self._tell(connection, key, version, told, padding)
                if told == self._plant.topic:
                    self._saw(t0, self._count, key, id_, version)

    async def stop(self) -> None:
        self._over.set()
        await asyncio.gather(*self._tasks)

    async def _write(self, number: int) -> None:
        dice = random.Random(self._seed * 1000 + number)
        async with self._plant.database.connect() as connection:
            while not self._over.is_set():
                await self._commit(connection, number, dice)
                await asyncio.sleep(dice.random() * _REST_S)

    async def _commit(self, connection: asyncpg.Connection, number: int, dice: random.Random) -> None:
        key, t0 = heat.pick(dice, self.keys), time.monotonic()
        async with connection.transaction():
            version = await connection.fetchval(_NEXT, key)
            id_ = await self._tell(connection, key, version, self._plant.topic)
            await asyncio.sleep(dice.random() * _LONGEST_HOLD_S)
        self._saw(t0, number, key, id_, version)

    def _saw(self, t0: float, number: int, key: str, id_: str, version: int) -> None:
        op = Op(
            i=len(self.history), t0=t0, t1=time.monotonic(), proc=number, op="tell", key=key, val=id_, out=Out.OK,
            ver=version,
        )  # fmt: skip
        self.history.append(op)

    async def _tell(self, connection: asyncpg.Connection, key: str, version: int, topic: str, padding: int = 0) -> str:
        id_, now, type_ = new_id(), datetime.now(UTC), f"{topic}.appended.v1"
        headers = json.dumps(self._headers(str(id_), type_, key, version))
        payload = json.dumps({"version": version, "state": {"name": key, "count": version}, "padding": "x" * padding})
        month = now.date().replace(day=1)
        await connection.execute(_TELL, id_, month, slot_of(key), key, version, topic, type_, now, headers, payload)
        return str(id_)

    def _headers(self, id_: str, type_: str, key: str, version: int) -> dict[str, str]:
        return {
            "ce_specversion": "1.0",
            "ce_id": id_,
            "ce_source": self._plant.source,
            "ce_type": type_,
            "ce_subject": key,
            "ce_sequence": f"{version:012d}",
            "content-type": "application/json",
        }
