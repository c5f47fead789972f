"""A stack whose processes are killed on the road of a file: it ends in the same tables and totals, every row once.

The whole stack runs, as `takt up --split` starts it, and its own supervisor starts again what was killed. A crash point
ends the first life of each process that passes it; each run says which processes those were.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from plantkit.crash import VARIABLE
from takt_contracts.roles import Role
from tests.e2e.kafka_log import all_records
from tests.e2e.plant import API
from tests.e2e.stack import Stack, running_stack, until
from tests.faults.harness import points

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.timeout(180)]
TOPIC = "takt.operations.item"
ROWS_A_BATCH = 500
_LOST = (httpx.TransportError,)


@dataclass(frozen=True)
class Killed:
    """A running stack with a crash point armed."""

    stack: Stack
    client: httpx.AsyncClient

    async def imported(self, name: str, content: bytes) -> dict[str, Any]:
        """Uploads until it is answered, with one key, as a careful client does; then waits for the end."""
        location = await self._accepted(name, content)
        async with asyncio.timeout(90):
            while True:
                found = await self._read(location)
                if found is not None and found["state"] in ("done", "failed"):
                    return found
                await asyncio.sleep(0.1)

    async def _accepted(self, name: str, content: bytes) -> str:
        headers = {"idempotency-key": str(uuid4())}
        async with asyncio.timeout(40):
            while True:
                try:
                    files = {"file": (name, content, "text/csv")}
                    answer = await self.client.post(
                        "/templates/items/uploads", files=files, data={"mode": "commit"}, headers=headers
                    )
                    if answer.status_code == 202:
                        return answer.headers["location"].removeprefix(API)
                    assert answer.status_code in (409, 503), answer.text
                except _LOST:
                    pass
                await asyncio.sleep(0.1)

    async def _read(self, location: str) -> dict[str, Any] | None:
        try:
            answer = await self.client.get(location)
        except _LOST:
            return None
        return answer.json() if answer.status_code == 200 else None

    def restarted(self) -> Counter[str]:
        """Which processes the supervisor had to start again."""
        return Counter(re.findall(r"(\S+) ended; it starts again", "\n".join(self.stack.lines("launcher"))))


@pytest.fixture
async def killed(request: pytest.FixtureRequest) -> AsyncIterator[Killed]:
    with running_stack("--split", **{VARIABLE: request.param}) as stack:
        base, headers = f"{stack.gateway}{API}", stack.headers(Role.ADMIN)
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False, timeout=20) as client:
            yield Killed(stack, client)


def book(prefix: str, rows: int) -> bytes:
    """Items; every hundredth has no name and is refused."""
    lines = [f"{prefix}-{number:05d},{'' if number % 100 == 99 else f'Item {number}'}" for number in range(rows)]
    return "\n".join(["Item,Name", *lines, ""]).encode()


def keys(prefix: str, rows: int) -> set[str]:
    return {f"{prefix}-{number:05d}" for number in range(rows) if number % 100 != 99}


async def in_the_table(stack: Stack) -> Counter[str]:
    async with stack.database() as connection:
        return Counter(
            {row["code"]: row["version"] for row in await connection.fetch("SELECT * FROM operations.items")}
        )


async def in_the_log(stack: Stack, expected: int) -> dict[str, set[str]]:
    """Ids of the events of each key, read raw, as soon as so many keys are there."""

    async def told() -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for record in await all_records(stack.status["kafka"], TOPIC):
            found.setdefault(record.key.decode(), set()).add(dict(record.headers)["ce_id"].decode())
        return found if len(found) >= expected else {}

    whole: dict[str, set[str]] = await until(told, 40)
    return whole


async def comes_out_whole(run: Killed, files: list[tuple[str, int]]) -> None:
    """Every import ends with the totals its file has; every row is in the table once and in the log once."""
    for prefix, rows in files:
        ended = await run.imported(f"{prefix}.csv", book(prefix, rows))
        refused = rows // 100
        totals = {name: count for name, count in ended["totals"].items() if count}
        expected = {"rows": rows, "created": rows - refused, "rejected": refused}
        assert (ended["state"], totals) == ("done", {name: count for name, count in expected.items() if count}), ended
    everything = set().union(*(keys(prefix, rows) for prefix, rows in files))
    assert await in_the_table(run.stack) == dict.fromkeys(everything, 1)
    told = await in_the_log(run.stack, len(everything))
    assert set(told) == everything
    assert {key: len(ids) for key, ids in told.items() if len(ids) != 1} == {}


MANY_FILES = [(f"F{number:02d}", 150) for number in range(18)]
ONE_BIG_FILE = [("BIG", 19 * ROWS_A_BATCH)]


def armed(*names: str) -> list[Any]:
    return [pytest.param(f"{name}:{k}", id=f"{name}-{k}") for name in names for k in points.PASSAGES]


@pytest.mark.parametrize("killed", armed("import.after_store_before_row"), indirect=True)
async def test_killed_between_keeping_the_file_and_telling_of_it(killed: Killed) -> None:
    await comes_out_whole(killed, MANY_FILES)

    assert killed.restarted() == {"gateway": 1}


@pytest.mark.parametrize("killed", armed("import.mid_batch"), indirect=True)
async def test_killed_between_two_batches(killed: Killed) -> None:
    await comes_out_whole(killed, ONE_BIG_FILE)

    assert killed.restarted() == {"imports-worker": 1, "operations-consumers": 1}


@pytest.mark.parametrize("killed", armed("import.after_last_batch_before_state"), indirect=True)
async def test_killed_between_the_last_batch_and_the_end(killed: Killed) -> None:
    await comes_out_whole(killed, MANY_FILES)

    assert "imports-consumers" in killed.restarted()
    assert set(killed.restarted()) <= {"imports-consumers", "imports-worker"}
