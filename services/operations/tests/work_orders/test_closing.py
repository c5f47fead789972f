"""Closed orders take no new work, until somebody opens them again and says why."""

import asyncio

import pytest

from plantkit.testing.watch import nothing_written

from .conftest import a_number

pytestmark = pytest.mark.db


@pytest.fixture
async def done(plan, act):
    """An order whose only operation is finished."""
    no = a_number()
    await plan(no)
    for verb in ("start", "finish"):
        assert (await act(f"operations/{no}/0010", verb)).status_code == 200
    return no


async def test_an_order_is_closed_and_opened_again_for_a_reason(done, act, plan, order, facts):
    closed = await act(f"work-orders/{done}", "close", reason="delivered")
    assert (closed.status_code, closed.json()["close_reason"], closed.json()["status"]) == (
        200,
        "delivered",
        "FINISHED",
    )
    assert closed.json()["closed_at"] is not None
    opened = await act(f"work-orders/{done}", "reopen", reason="one more")
    assert (opened.json()["closed_at"], opened.json()["close_reason"]) == (None, None)
    await plan(done, "0020")
    assert (await order(done))["status"] == "IN_PROGRESS"
    assert await facts(done) == ["created", "started", "finished", "closed", "reopened", "started"]


async def test_a_closed_order_takes_no_operation_and_no_change(done, act, client, database):
    await act(f"work-orders/{done}", "close", reason="delivered")
    body = {"order_no": done, "operation_no": "0020", "workplace": "WP-1", "item": "IT-1", "qty_desired": "1"}
    async with nothing_written(database, "operations", told="work-order.closed"):
        reply = await client.post("/api/v1/operations", json=body)
    assert (reply.status_code, reply.json()["code"]) == (409, "work-order.closed")
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/order_no"]
    version = (await client.get(f"/api/v1/work-orders/{done}")).headers["etag"]
    async with nothing_written(database, "work_orders", told="work-order.closed"):
        reply = await client.patch(f"/api/v1/work-orders/{done}", json={"priority": 1}, headers={"if-match": version})
    assert (reply.status_code, reply.json()["code"]) == (409, "work-order.closed")


async def test_an_order_with_unfinished_operations_is_not_closed_and_names_them(plan, act, database):
    no = a_number()
    for number in ("0010", "0020"):
        await plan(no, number)
    async with nothing_written(database, "work_orders", told="work-order.unfinished"):
        reply = await act(f"work-orders/{no}", "close", reason="enough")
    assert (reply.status_code, reply.json()["code"]) == (409, "work-order.unfinished")
    assert reply.json()["operations"] == [f"{no}/0010", f"{no}/0020"]


async def test_what_is_open_is_not_opened_and_what_is_closed_not_closed(done, act, database):
    async with nothing_written(database, "work_orders", told="work-order.not-closed"):
        assert (await act(f"work-orders/{done}", "reopen", reason="x")).json()["code"] == "work-order.not-closed"
    await act(f"work-orders/{done}", "close", reason="delivered")
    async with nothing_written(database, "work_orders", told="work-order.closed"):
        assert (await act(f"work-orders/{done}", "close", reason="again")).json()["code"] == "work-order.closed"


async def test_a_reason_is_needed_and_an_unknown_order_is_told_first(done, act):
    for verb in ("close", "reopen"):
        wrong = await act(f"work-orders/{done}", verb)
        assert (wrong.status_code, [error["pointer"] for error in wrong.json()["errors"]]) == (422, ["/reason"])
        assert (await act("work-orders/WO-NOWHERE", verb)).status_code == 404


async def test_of_an_end_and_new_work_at_once_one_wins(done, act, client):
    body = {"order_no": done, "workplace": "WP-1", "item": "IT-1", "qty_desired": "1"}
    closed, *made = await asyncio.gather(
        act(f"work-orders/{done}", "close", reason="delivered"),
        *(client.post("/api/v1/operations", json=body | {"operation_no": f"1{n}"}) for n in range(5)),
    )
    taken = [reply.status_code for reply in made].count(201)
    assert (closed.status_code, taken) in [(200, 0), (409, 5)]


async def test_an_order_with_work_is_not_archived_and_an_archived_one_takes_none(plan, act, client, done, database):
    no = a_number()
    await plan(no)
    reply = await client.delete(f"/api/v1/work-orders/{no}", headers={"if-match": '"1"'})
    assert (reply.status_code, reply.json()["users"]) == (409, [f"operations/{no}/0010"])
    version = (await client.get(f"/api/v1/work-orders/{done}")).headers["etag"]
    assert (await client.delete(f"/api/v1/work-orders/{done}", headers={"if-match": version})).status_code == 204
    body = {"order_no": done, "operation_no": "0020", "workplace": "WP-1", "item": "IT-1", "qty_desired": "1"}
    async with nothing_written(database, "operations", told="work-order.archived"):
        assert (await client.post("/api/v1/operations", json=body)).json()["code"] == "work-order.archived"
