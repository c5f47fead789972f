"""Reports by the two values of a counter, and tolerated over-production."""

from typing import Any

import httpx
import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written

from .conftest import Act, Plan, at


async def test_a_counter_says_what_came_out(started: dict[str, Any], act: Act, client: httpx.AsyncClient) -> None:
    await act(started, "report", counter_start="1000", counter_end="1020")
    answer = await act(started, "report", counter_start="1020", counter_end="1050", scrap="3", reason="porosity")

    assert (answer.status_code, answer.json()["qty_good"], answer.json()["qty_processed"]) == (200, "47", "50")
    entries = (await client.get(at(started, "/ledger"))).json()["data"]
    assert [(one["counter_start"], one["counter_end"], one["good"]) for one in entries] == [
        ("1000", "1020", "20"),
        ("1020", "1050", "27"),
    ]


@pytest.mark.parametrize("start", [30, 0])
async def test_a_counter_may_jump_ahead_or_be_reset_when_somebody_says_why(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient, start: int
) -> None:
    await act(started, "report", counter_start="10", counter_end="20")
    jump = {"counter_start": f"{start}", "counter_end": f"{start + 5}"}

    refused = await act(started, "report", **jump)
    taken = await act(started, "report", **jump, counter_reason="counter changed")

    assert (refused.status_code, refused.json()["code"]) == (409, "operation.counter-does-not-continue")
    assert (taken.status_code, taken.json()["qty_good"]) == (200, "15")
    assert (await client.get(at(started, "/ledger"))).json()["data"][-1]["counter_reason"] == "counter changed"


@pytest.mark.parametrize(
    ("body", "status", "code", "pointer"),
    [
        ({"counter_start": "21", "counter_end": "25"}, 409, "operation.counter-does-not-continue", "/counter_start"),
        (
            {"counter_start": "15", "counter_end": "25", "counter_reason": "x"},
            409,
            "operation.counter-does-not-continue",
            "/counter_start",
        ),
        ({"counter_start": "20", "counter_end": "19"}, 422, "request.invalid", "/counter_end"),
        ({"counter_start": "20"}, 422, "request.invalid", "/counter_end"),
        ({"counter_end": "25"}, 422, "request.invalid", "/counter_end"),
        ({"counter_start": "20", "counter_end": "25", "good": "5"}, 422, "request.invalid", "/counter_end"),
        (
            {"counter_start": "20", "counter_end": "25", "scrap": "6", "reason": "x"},
            422,
            "request.invalid",
            "/counter_end",
        ),
        ({"counter_start": "20", "counter_end": "20"}, 422, "request.invalid", ""),
        ({"counter_start": "20", "counter_end": "111"}, 409, "operation.over-desired", "/good"),
    ],
)
async def test_a_counter_that_cannot_be_is_refused(
    started: dict[str, Any],
    act: Act,
    database: TestDatabase,
    body: dict[str, str],
    status: int,
    code: str,
    pointer: str,
) -> None:
    await act(started, "report", counter_start="10", counter_end="20")

    async with nothing_written(database, "ledger_entries", told=code):
        answer = await act(started, "report", **body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_over_production_is_tolerated_to_the_piece(plan: Plan, act: Act, client: httpx.AsyncClient) -> None:
    operation = await plan(tolerance_percent="2.5", qty_desired="200")
    await act(operation, "start")

    over = await act(operation, "report", good="205.000001")
    exactly = await act(operation, "report", good="205")

    assert (over.status_code, over.json()["code"]) == (409, "operation.over-desired")
    assert (exactly.status_code, exactly.json()["tolerance_percent"]) == (200, "2.5")
    match = {"if-match": exactly.headers["etag"]}
    less = await client.patch(at(operation), json={"tolerance_percent": "2.49"}, headers=match)
    assert (less.status_code, less.json()["code"]) == (422, "operation.desired-below-processed")


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"tolerance_percent": "-1"}, "request.invalid", "/tolerance_percent"),
        ({"tolerance_percent": "100.01"}, "request.invalid", "/tolerance_percent"),
        ({"tolerance_percent": "1.001"}, "request.invalid", "/tolerance_percent"),
        ({"qty_desired": "-1"}, "request.invalid", "/qty_desired"),
        ({"qty_desired": "0.0000001"}, "request.invalid", "/qty_desired"),
        (
            {"planned_start": "2026-03-02T06:30:00Z", "due": "2026-03-02T06:29:59Z"},
            "operation.due-before-start",
            "/due",
        ),
    ],
)
async def test_a_plan_that_cannot_be_is_refused(
    client: httpx.AsyncClient, plant: None, database: TestDatabase, fields: dict[str, str], code: str, pointer: str
) -> None:
    body = {"order_no": "WO-NOT", "operation_no": "0010", "workplace": "WP-1", "item": "IT-1", "qty_desired": "1"}

    async with nothing_written(database, "operations", told=code):
        answer = await client.post("/api/v1/operations", json={**body, **fields})

    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
