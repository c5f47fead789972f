"""A workplace, an item, and operations to act on."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest

from plantkit.ids import new_id

Plan = Callable[..., Awaitable[dict[str, Any]]]
Act = Callable[..., Awaitable[httpx.Response]]
Chain = Callable[..., Awaitable[list[dict[str, Any]]]]
_NUMBERS = count(1)


def key() -> dict[str, str]:
    return {"idempotency-key": str(new_id())}


def at(operation: dict[str, Any], tail: str = "") -> str:
    return f"/api/v1/operations/{operation['order_no']}/{operation['operation_no']}{tail}"


@pytest.fixture(scope="module")
async def plant(client: httpx.AsyncClient) -> None:
    """What operations refer to."""
    for plural, code in (("workplaces", "WP-1"), ("workplaces", "WP-2"), ("items", "IT-1")):
        body = {"code": code, "name": f"{code} of the test"} | ({"unit": "pcs"} if plural == "items" else {})
        answer = await client.post(f"/api/v1/{plural}", json=body)
        assert answer.status_code == 201, answer.text


@pytest.fixture
async def plan(client: httpx.AsyncClient, plant: None) -> Plan:
    """`await plan(qty_desired="100")` makes a released operation."""

    async def make(**fields: Any) -> dict[str, Any]:
        numbers = {"order_no": f"WO-{next(_NUMBERS)}", "operation_no": "0010"}
        given = {**numbers, "workplace": "WP-1", "item": "IT-1", "qty_desired": "100", **fields}
        answer = await client.post("/api/v1/operations", json=given)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def act(client: httpx.AsyncClient) -> Act:
    """`await act(operation, "report", good="1")` sends a fresh Idempotency-Key."""

    async def do(
        operation: dict[str, Any], verb: str, headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        return await client.post(at(operation, f"/{verb}"), json=body, headers=key() | (headers or {}))

    return do


@pytest.fixture
async def chain(plan: Plan) -> Chain:
    """`await chain(2, qty_desired="100")` makes an order of so many released operations, one after the other."""

    async def make(length: int, **fields: Any) -> list[dict[str, Any]]:
        order = {"order_no": f"WO-{next(_NUMBERS)}"}
        return [await plan(**order, operation_no=f"{10 * n:04}", **fields) for n in range(1, length + 1)]

    return make


@pytest.fixture
async def started(plan: Plan, act: Act) -> dict[str, Any]:
    operation = await plan()
    answer = await act(operation, "start")
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made
