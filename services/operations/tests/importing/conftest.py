"""A plant that rows of imports refer to, and operations as a workbook says them."""

from itertools import count
from typing import Any

import httpx
import pytest

_NUMBERS = count(1)


@pytest.fixture(scope="module")
async def plant(client: httpx.AsyncClient) -> None:
    for plural, code in (("workplaces", "WP-1"), ("workplaces", "WP-2"), ("items", "IT-1")):
        answer = await client.post(f"/api/v1/{plural}", json={"code": code, "name": f"{code} of the test"})
        assert answer.status_code == 201, answer.text


def row(**fields: Any) -> dict[str, Any]:
    """A good row with a key of its own."""
    order = {"order_no": f"WB-{next(_NUMBERS)}", "operation_no": "0010"}
    return {**order, "workplace": "WP-1", "item": "IT-1", "qty_desired": "100", **fields}


def at(one: dict[str, Any], tail: str = "") -> str:
    return f"/api/v1/operations/{one['order_no']}/{one['operation_no']}{tail}"


def why(result: Any) -> list[tuple[int, str, str | None]]:
    """Row, code and field of every refusal."""
    return [(refusal.row, refusal.code, refusal.field) for refusal in result.refusals]
