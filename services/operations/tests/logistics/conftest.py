"""A terminal, drivers, trucks and trailers, and transport orders to act on."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import httpx
import pytest

from plantkit.ids import new_id

Plan = Callable[..., Awaitable[dict[str, Any]]]
Act = Callable[..., Awaitable[httpx.Response]]
NUMBERS = count(1)
TIMES = {
    "inbound_departure": "2026-03-02T04:00:00Z",
    "eta": "2026-03-02T06:00:00Z",
    "etd": "2026-03-02T08:00:00Z",
    "outbound_arrival": "2026-03-02T12:00:00Z",
}


def key() -> dict[str, str]:
    return {"idempotency-key": str(new_id())}


async def add(client: httpx.AsyncClient, plural: str, code: str, **fields: Any) -> str:
    answer = await client.post(f"/api/v1/{plural}", json={"code": code, "name": f"{code} of the test", **fields})
    assert answer.status_code == 201, answer.text
    return code


@pytest.fixture
async def driver(client: httpx.AsyncClient) -> str:
    return await add(client, "drivers", f"DR-{next(NUMBERS)}")


@pytest.fixture
async def truck(client: httpx.AsyncClient) -> str:
    return await add(client, "trucks", f"TR-{next(NUMBERS)}", capacity_pallets=10, capacity_kg="5000")


@pytest.fixture
async def trailer(client: httpx.AsyncClient) -> str:
    return await add(client, "trailers", f"TL-{next(NUMBERS)}", capacity_pallets=20, capacity_kg="20000")


@pytest.fixture
def plan(client: httpx.AsyncClient) -> Plan:
    """`await plan(kilos="100")` makes a transport order with all its times."""

    async def make(**fields: Any) -> dict[str, Any]:
        given = {"no": f"TO-{next(NUMBERS)}", "pallets": 4, "kilos": "1250", **TIMES, **fields}
        answer = await client.post("/api/v1/transport-orders", json=given)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return make


@pytest.fixture
def act(client: httpx.AsyncClient) -> Act:
    """`await act(order, "assign", truck="TR-1")` sends a fresh Idempotency-Key."""

    async def do(order: dict[str, Any], verb: str, **body: Any) -> httpx.Response:
        return await client.post(f"/api/v1/transport-orders/{order['no']}/{verb}", json=body, headers=key())

    return do


@pytest.fixture
async def assigned(plan: Plan, act: Act, driver: str, truck: str) -> dict[str, Any]:
    """An order whose outbound leg has a driver and a truck."""
    answer = await act(await plan(), "assign", driver=driver, truck=truck)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made
