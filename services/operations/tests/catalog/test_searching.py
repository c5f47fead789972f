"""`q` finds a part of a text by an index, and finds what reading every row would find."""

import random
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from operations.app import SLICES
from plantkit.testing.database import TestDatabase
from plantkit.testing.statements import plan_of, statements

_ROWS = 20_000
_ALPHABET = "abcXYZ01-_%\\ äÄßİıŁ漢"
_SCAN = r"SELECT code FROM items WHERE concat_ws(E'\n', code, name, category) ILIKE $1 ESCAPE '\' ORDER BY code"
_FILL = """
INSERT INTO operations.items (id, code, name, category, unit, lot_tracked, version, created_at, updated_at)
SELECT gen_random_uuid(), 'SI-' || lpad(n::text, 6, '0'), name, CASE WHEN n % 3 > 0 THEN 'Turned part' END, 'pcs',
    false, 1, now(), now()
FROM unnest($1::text[]) WITH ORDINALITY one (name, n)
"""


def _names() -> list[str]:
    chance = random.Random(20_260_302)
    return [f"n{''.join(chance.choices(_ALPHABET, k=chance.randint(1, 12)))}z" for _ in range(_ROWS)]


@pytest.fixture(scope="module")
async def names(database: TestDatabase, app: FastAPI) -> list[str]:
    made = _names()
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute(_FILL, made)
    await connection.execute("ANALYZE operations.items")
    await connection.close()
    return made


def test_what_is_searched_and_not_without_end_has_a_search_index() -> None:
    resources = [one for part in SLICES for one in part.resources if one.search and not one.compared]
    lacking = [
        one.contract.plural
        for one in resources
        if f"{one.listing.table.name}_search_idx" not in {index.name for index in one.listing.table.indexes}
    ]
    assert len(resources) > 10
    assert lacking == []


def _patterns(names: list[str]) -> list[str]:
    """Parts of names in another case, and what no name holds."""
    chance = random.Random(3)
    long = [name for name in names if len(name) > 5]
    parts = [one[1 : chance.randint(4, len(one))].strip() for one in chance.sample(long, 60)]
    in_any_case = [chance.choice([part, part.upper(), part.lower()]) for part in parts if len(part) > 1]
    return [*in_any_case, "%%%", "\\\\", "qqq"]


def _escaped(text: str) -> str:
    return "".join(f"\\{one}" if one in "\\%_" else one for one in text)


@pytest.mark.db
async def test_the_index_finds_what_reading_every_row_finds(
    client: httpx.AsyncClient, database: TestDatabase, names: list[str]
) -> None:
    found = 0
    for text in _patterns(names):
        answer = await client.get("/api/v1/items", params={"q": text, "limit": 500, "fields": "code"})
        async with database.connect() as connection:
            expected = [row["code"] for row in await connection.fetch(_SCAN, f"%{_escaped(text)}%")]
        assert [one["code"] for one in answer.json()["data"]] == expected[:500], text
        found += bool(expected)
    assert found > 30


async def _plan(client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, text: str) -> list[dict[str, Any]]:
    async with statements(app) as sent:
        answer = await client.get("/api/v1/items", params={"q": text})
    assert answer.status_code == 200
    [statement] = sent
    async with database.connect() as connection:
        return await plan_of(connection, statement)


@pytest.mark.db
@pytest.mark.parametrize("text", ["si-012345", "zz-nobody", "012"])
async def test_a_rare_text_is_found_by_the_index(
    client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, names: list[str], text: str
) -> None:
    plan = await _plan(client, app, database, text)

    assert "items_search_idx" in {node.get("Index Name") for node in plan}, plan
    assert not any(node["Node Type"] == "Seq Scan" for node in plan)


@pytest.mark.db
@pytest.mark.parametrize("text", ["turned part", "tu", "0"])
async def test_a_common_or_short_text_fills_its_page_on_the_way(
    client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, names: list[str], text: str
) -> None:
    plan = await _plan(client, app, database, text)

    assert not any("Sort" in node["Node Type"] for node in plan), plan
    assert max(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in plan) < 1_000
