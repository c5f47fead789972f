"""Lists of operations: whatever one filter leaves, an index finds the page; no page costs a query a row."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from operations.production.planning import OPERATIONS
from plantkit.http.filters import Op, ops_of
from plantkit.testing.database import TestDatabase
from plantkit.testing.statements import Sent, plan_of, statements
from takt_contracts.resource import Kind

_ROWS = 40_000
_MOST_SORTED = 1_000
_MOST_READ = 4_000
"""Rows that a page of 100 may read or throw away: where a value is common, a short walk is as good as its index."""
_GRAMMAR = OPERATIONS.listing.grammar
# As a plant has them: what is open is the youngest, and a few workplaces do most of the work. Nothing is booked.
_FILL = """
INSERT INTO operations.operations (id, order_no, operation_no, workplace, item, planned_start, planned_end, due,
    qty_desired, qty_processed, qty_good, qty_scrap, qty_rework, status, entries, version, created_at, updated_at)
SELECT gen_random_uuid(), 'WO-' || lpad((n / 4)::text, 7, '0'), lpad((10 * (1 + n % 4))::text, 4, '0'),
    'WP-' || ceil(20 * random() * random()), 'IT-' || ceil(50 * random() * random()),
    CASE WHEN n % 50 > 0 THEN base + n * interval '5 min' END, NULL,
    CASE WHEN n % 70 > 0 THEN base + n * interval '5 min' + random() * interval '3 days' END,
    100, 0, 0, 0, 0,
    CASE WHEN n > 0.999 * $1 THEN 'CANCELLED' WHEN n > 0.98 * $1 THEN 'RELEASED' WHEN n > 0.97 * $1
         THEN 'IN_PROGRESS' ELSE 'FINISHED' END,
    0, 1, base, base
FROM generate_series(1, $1::int) n, (SELECT timestamptz '2025-01-01Z' AS base) start
"""


@pytest.fixture(scope="module")
async def many(database: TestDatabase, app: FastAPI) -> None:
    """Foreign keys are not what is asked here, so the rows go past them."""
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(_FILL, _ROWS)
    await connection.execute("ANALYZE operations.operations")
    await connection.close()


def _filters() -> Iterator[tuple[str, Op]]:
    for field in _GRAMMAR.compared.values():
        yield from ((field.name, op) for op in ops_of(field))


async def _values(database: TestDatabase, field: str, op: Op) -> list[str]:
    """What a client may ask of the field: what hardly any, what nearly all and what no row has; ends and middle."""
    if op is Op.ISNULL:
        return ["true", "false"]
    column = f"operations.{field}"
    order = f"SELECT {column} FROM operations WHERE {column} IS NOT NULL"
    async with database.connect() as connection:
        by_count = [row[0] for row in await connection.fetch(f"{order} GROUP BY 1 ORDER BY count(*)")]
        spread = f"SELECT percentile_disc(ARRAY[0, 0.5, 1]) WITHIN GROUP (ORDER BY {column}) FROM operations"
        ends = await connection.fetchval(spread)
    rare, common, absent = _shown(by_count[0]), _shown(by_count[-1]), _absent(field)
    if op is Op.IN:
        return [rare, f"{common},{rare},{absent}"]
    return [rare, common, absent] if op is Op.EQ else [_shown(value) for value in ends]


def _shown(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _absent(field: str) -> str:
    match _GRAMMAR.compared[field].kind:
        case Kind.MOMENT:
            return "2031-01-01T00:00:00Z"
        case Kind.CHOICE:
            return "RELEASED"
        case _:
            return "ZZ-NOBODY"


async def _asked(client: httpx.AsyncClient, app: FastAPI, query: dict[str, str]) -> Sent:
    """The one statement that answers a list."""
    async with statements(app) as sent:
        answer = await client.get("/api/v1/operations", params=query)
    assert answer.status_code == 200, answer.text
    assert len(sent) == 1, [one.query for one in sent]
    [statement] = sent
    return statement


def _wrong(plan: list[dict[str, Any]]) -> list[str]:
    """What a page may not cost: a walk through the table, a sort of what was found, or more rows than a few pages."""
    told = [f"{node['Node Type']} on operations" for node in plan if node["Node Type"].endswith("Seq Scan")]
    for node in plan:
        if "Sort" in node["Node Type"] and (count := sum(map(_rows, node["Plans"]))) > _MOST_SORTED:
            told.append(f"{count} rows sorted")
        if "Index Name" in node and (count := _rows(node) + _thrown(node)) > _MOST_READ:
            told.append(f"{count} rows of {node['Index Name']}")
    return told if any("Index Name" in node for node in plan) else [*told, "no index"]


def _rows(node: dict[str, Any]) -> int:
    return int(node["Actual Rows"] * node["Actual Loops"])


def _thrown(node: dict[str, Any]) -> int:
    return int(node.get("Rows Removed by Filter", 0) * node["Actual Loops"])


@pytest.mark.db
@pytest.mark.parametrize(("field", "op"), list(_filters()))
async def test_every_filter_finds_its_page_by_an_index(
    field: str, op: Op, client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, many: None
) -> None:
    name = field if op is Op.EQ else f"{field}__{op}"
    for value in await _values(database, field, op):
        statement = await _asked(client, app, {name: value})
        assert _wrong(await _plan_now(database, statement)) == [], f"{name}={value}"


@pytest.mark.db
@pytest.mark.parametrize("field", list(_GRAMMAR.compared))
@pytest.mark.parametrize("direction", ["", "-"])
async def test_every_sort_is_the_order_of_an_index(
    field: str, direction: str, client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, many: None
) -> None:
    statement = await _asked(client, app, {"sort": f"{direction}{field}"})
    assert _wrong(await _plan_now(database, statement)) == []


@pytest.mark.db
async def test_a_filter_that_lost_its_index_is_found_out(
    client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, many: None
) -> None:
    statement = await _asked(client, app, {"item": "ZZ-NOBODY"})
    async with database.connect("owner") as connection:
        without = connection.transaction()
        await without.start()
        await connection.execute("DROP INDEX operations_item_order_no_operation_no_idx")
        found = _wrong(await plan_of(connection, statement))
        await without.rollback()
    assert found != []
    assert _wrong(await _plan_now(database, statement)) == []


@pytest.mark.db
async def test_the_next_page_of_a_filter_is_found_by_the_same_index(
    client: httpx.AsyncClient, app: FastAPI, database: TestDatabase, many: None
) -> None:
    first = (await client.get("/api/v1/operations", params={"due__gte": "2025-03-01T00:00:00Z"})).json()
    asked = {"due__gte": "2025-03-01T00:00:00Z", "cursor": first["page"]["next"]}
    assert _wrong(await _plan_now(database, await _asked(client, app, asked))) == []


async def _plan_now(database: TestDatabase, statement: Sent) -> list[dict[str, Any]]:
    async with database.connect() as connection:
        return await plan_of(connection, statement)


@pytest.mark.db
@pytest.mark.parametrize("limit", ["1", "100"])
async def test_a_page_is_one_statement_however_long_it_is(
    limit: str, client: httpx.AsyncClient, app: FastAPI, many: None
) -> None:
    async with statements(app) as sent:
        answer = await client.get("/api/v1/operations", params={"limit": limit})
    assert (len(answer.json()["data"]), len(sent)) == (int(limit), 1)


@pytest.mark.db
@pytest.mark.parametrize(("tail", "most"), [("", 1), ("/ledger", 2), ("/events", 2)])
async def test_reading_one_takes_the_same_few_statements(
    tail: str, most: int, client: httpx.AsyncClient, app: FastAPI, many: None
) -> None:
    async with statements(app) as sent:
        answer = await client.get(f"/api/v1/operations/WO-0000001/0010{tail}")
    assert (answer.status_code, len(sent)) == (200, most)
