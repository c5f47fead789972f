"""What the rows of a health workbook say stays with records, and for a week with imports.

A word in them is looked for in the whole plant, before and after the rows are purged.
"""

import os
import signal
from dataclasses import replace
from typing import Any, Final
from uuid import uuid4

import asyncpg
import httpx
import pytest

from takt.stack import status
from takt_contracts.roles import Role
from tests.e2e.evidence import is_problem
from tests.e2e.hay import Hay, holding, in_logs, in_metrics, in_tables, in_topics, listening
from tests.e2e.plant import API
from tests.e2e.road import Road, workbook
from tests.e2e.stack import Stack, until

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]
HEADER: Final = ("Examination", "Employee", "Fitness", "Findings", "Examined on", "Reason")
OWNER: Final = {"records.records", "records.record_versions"}
FOR_A_WEEK: Final = {"imports.import_batches", "imports.import_results"}


class Planted:
    """A workbook of a class and what was imported of it, with a word in every cell that takes words."""

    def __init__(self, road: Road, target: str, header: tuple[str, ...], rows: Any) -> None:
        self.word = f"canary{uuid4().hex}"
        self.road, self.target, self.header, self.rows = road, target, header, rows
        self.imports: list[str] = []

    async def live(self) -> None:
        """Plan and commit, change, be refused by the reader and by the owner, all or none."""
        await self._import({"created": 2, "rejected": 1}, "fit", mode="plan")
        assert (await self.road.act("commit", self.imports[0])).status_code == 200
        await self.road.settled(f"{API}/imports/{self.imports[0]}", ("done",))
        await self._import({"updated": 2, "rejected": 1}, "unfit")
        await self._import({"unchanged": 2, "rejected": 1}, "unfit")

    async def _import(self, totals: dict[str, int], fitness: str, **fields: str) -> None:
        content = workbook(self.header, self.rows(self.word, fitness))
        if fields.get("mode") == "plan":
            found = await self.road.planned(self.target, "examinations.xlsx", content)
        else:
            found = await self.road.imported(self.target, "examinations.xlsx", content)
        self.imports.append(found["id"])
        assert found["totals"] == {**dict.fromkeys(found["totals"], 0), "rows": 3, **totals}, found


def examinations(word: str, fitness: str) -> list[tuple[str, ...]]:
    """Two good rows and one whose choice is none."""
    return [
        (word[:40], word[:40], fitness, word, "2026-11-02", word),
        (f"{word[:38]}-2", "E-07", fitness, f"{word} {fitness}", "2026-11-03", word),
        (f"{word[:38]}-3", "E-07", word, word, "2026-11-03", word),
    ]


def inspections(word: str, fitness: str) -> list[tuple[str, ...]]:
    result = "pass" if fitness == "fit" else "fail"
    results = (result, result, word)
    return [(f"{word[:37]}-{n}", word, said, f"{word} {said}", "2026-11-02") for n, said in enumerate(results)]


@pytest.fixture(scope="module")
async def health(door: httpx.AsyncClient, stack: Stack) -> Planted:
    return Planted(Road(door, stack.headers(Role.HEALTH)), "occupational-health", HEADER, examinations)


@pytest.fixture(scope="module")
async def quality(door: httpx.AsyncClient, stack: Stack) -> Planted:
    header = ("Inspection", "Characteristic", "Result", "Remarks", "Inspected on")
    return Planted(Road(door, stack.headers(Role.QUALITY)), "inspection", header, inspections)


@pytest.fixture(scope="module")
async def hay(stack: Stack, health: Planted, quality: Planted) -> Hay:
    """All that the plant holds after both have lived."""
    async with listening(stack, Role.ADMIN) as told:
        await health.live()
        await quality.live()
        await until(lambda: heard(told, *health.imports, *quality.imports), 30)
    async with stack.database() as tables:
        found = await in_tables(tables, (health.word, quality.word))
    return found | await in_topics(stack) | in_logs(stack) | await in_metrics(stack) | {"stream": bytes(told)}


async def heard(told: bytearray, *imports: str) -> bool:
    return all(one.encode() in told for one in imports)


async def test_a_word_of_a_health_workbook_is_with_records_and_in_the_rows_of_its_import_only(
    hay: Hay, health: Planted
) -> None:
    assert holding(hay, health.word) == OWNER | FOR_A_WEEK


async def test_the_search_finds_the_word_of_another_workbook(hay: Hay, quality: Planted) -> None:
    found = holding(hay, quality.word)

    assert {"takt.imports.rows", "takt.records.record", "takt.records.rows-applied", *OWNER, *FOR_A_WEEK} <= found
    assert any(where.startswith("imports.outbox") for where in found)


async def test_only_health_and_administrators_read_the_rows(hay: Hay, health: Planted, stack: Stack) -> None:
    door, [first, *_] = health.road.client, health.imports

    for tail in ("/rows", "/rows/2", "/plan"):
        for role in (Role.HEALTH, Role.ADMIN):
            seen = await door.get(f"{API}/imports/{first}{tail}", headers=stack.headers(role))
            assert (seen.status_code, health.word in seen.text) == (200, True)
        refused = await door.get(f"{API}/imports/{first}{tail}", headers=stack.headers(Role.QUALITY))
        is_problem(refused, 403, "import.rows-not-shown")
    summary = await door.get(f"{API}/imports/{first}", headers=stack.headers(Role.QUALITY))
    assert (summary.status_code, health.word in summary.text) == (200, False)


async def test_nobody_else_hands_in_such_a_workbook(health: Planted, stack: Stack) -> None:
    road = replace(health.road, headers=stack.headers(Role.QUALITY, Role.PLANNER))

    is_problem(await road.upload(health.target, "e.xlsx", workbook(HEADER, [])), 403, "auth.forbidden")
    # Where the header tells the target, imports itself refuses.
    content = workbook(HEADER, examinations(health.word, "fit"))
    answer = await road.upload(None, "e.xlsx", content, mode="commit")
    found = await road.settled(answer.headers["location"], ("failed", "mapped"))
    assert (found["state"], found["reason"]["code"]) == ("failed", "import.forbidden")


async def test_after_a_week_it_is_with_records_only(
    door: httpx.AsyncClient, stack: Stack, tables: asyncpg.Connection
) -> None:
    old = Planted(Road(door, stack.headers(Role.HEALTH)), "occupational-health", HEADER, examinations)
    await old.live()
    assert holding(await in_tables(tables, (old.word,)), old.word) == OWNER | FOR_A_WEEK

    await tables.execute(
        "UPDATE imports.imports SET uploaded_at = now() - interval '7 days 1 minute' WHERE id::text = ANY($1)",
        old.imports,
    )
    os.kill(status.read(stack.data)["pids"]["imports"], signal.SIGTERM)  # it sweeps when it starts, and every hour

    async def purged() -> bool:
        return not FOR_A_WEEK & holding(await in_tables(tables, (old.word,)), old.word)

    await until(purged, 60)
    assert holding(await in_tables(tables, (old.word,)), old.word) == OWNER
