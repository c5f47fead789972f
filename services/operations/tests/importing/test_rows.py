"""Rows of an import become operations and items, each for itself."""

import pytest

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
async def plant(client):
    for plural, code in (("workplaces", "WP-1"), ("workplaces", "WP-2"), ("items", "IT-1")):
        answer = await client.post(f"/api/v1/{plural}", json={"code": code, "name": code})
        assert answer.status_code == 201, answer.text


def operation(order, **fields):
    return {
        "order_no": order,
        "operation_no": "0010",
        "workplace": "WP-1",
        "item": "IT-1",
        "qty_desired": "100",
    } | fields


async def test_rows_become_operations(imports, plant, client):
    result = await imports.send("operations", [operation("A-1"), operation("A-2", due="2026-03-02T06:30:00Z")])
    print(result)
    assert [str(state) for state in result.states] == ["created", "created"]
    found = (await client.get("/api/v1/operations/A-2/0010")).json()
    assert (found["due"], found["version"]) == ("2026-03-02T06:30:00Z", 1)
