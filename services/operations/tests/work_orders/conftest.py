"""A workplace, an item, and orders to act on."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest

from plantkit.ids import new_id

Make = Callable[..., Awaitable[dict[str, Any]]]
Act = Callable[..., Awaitable[httpx.Response]]
_NUMBERS = count(1)


def a_number() -> str:
    return f"WO-T{next(_NUMBERS)}"


@pytest.fixture(scope="module")
async def plant(client: httpx.AsyncClient) -> None:
    """What orders and operations refer to: two workplaces, an item with a routing of three steps, one without."""
    steps = [{"operation_no": f"{10 * n:04}", "workplace": f"WP-{1 + n % 2}"} for n in (1, 2, 3)]
    for plural, body in (
        ("workplaces", {"code": "WP-1", "name": "Cell 1"}),
        ("workplaces", {"code": "WP-2", "name": "Cell 2"}),
        ("items", {"code": "IT-1", "name": "Shaft"}),
        ("items", {"code": "IT-R", "name": "Housing", "routing": steps}),
    ):
        answer = await client.post(f"/api/v1/{plural}", json=body)
        assert answer.status_code == 201, answer.text


@pytest.fixture
async def plan(client: httpx.AsyncClient, plant: None) -> Make:
    """`await plan("WO-1", "0010")` makes a released operation."""

    async def make(order_no: str, operation_no: str = "0010", **fields: Any) -> dict[str, Any]:
        body = {"order_no": order_no, "operation_no": operation_no, "workplace": "WP-1", "item": "IT-1"}
        answer = await client.post("/api/v1/operations", json=body | {"qty_desired": "10"} | fields)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def act(client: httpx.AsyncClient) -> Act:
    """`await act("operations/WO-1/0010", "start")` sends a fresh Idempotency-Key."""

    async def do(path: str, verb: str, **body: Any) -> httpx.Response:
        return await client.post(f"/api/v1/{path}/{verb}", json=body, headers={"idempotency-key": str(new_id())})

    return do


@pytest.fixture
def order(client: httpx.AsyncClient) -> Make:
    """`await order("WO-1")`: as everyone reads it."""

    async def read(order_no: str) -> dict[str, Any]:
        answer = await client.get(f"/api/v1/work-orders/{order_no}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return read


@pytest.fixture
def facts(database: Any) -> Callable[[str], Awaitable[list[str]]]:
    """`await facts("WO-1")`: what was told of an order, in order; versions are without gaps."""

    async def read(order_no: str) -> list[str]:
        async with database.connect() as connection:
            rows = await connection.fetch(
                "SELECT type, version FROM outbox WHERE aggregatetype = 'work-order' AND aggregateid = $1"
                " ORDER BY version",
                order_no,
            )
        assert [row["version"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["type"].split(".")[-2] for row in rows]

    return read
