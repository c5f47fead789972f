"""How work orders come to be: by themselves, from a routing, or because an operation names one, by API or import."""

import asyncio

import pytest

from plantkit.testing.watch import nothing_written

from .conftest import a_number

pytestmark = pytest.mark.db


async def test_an_operation_of_an_unknown_order_makes_it(plan, order, facts):
    no = a_number()
    await plan(no)
    found = await order(no)
    assert (found["source"], found["status"], found["priority"], found["item"]) == ("api", "RELEASED", 5, None)
    assert await facts(no) == ["created"]


async def test_twenty_operations_of_one_unknown_order_at_once_make_one_order(plan, client, facts):
    no = a_number()
    made = await asyncio.gather(*(plan(no, f"{n:04}") for n in range(20)))
    assert len({one["operation_no"] for one in made}) == 20
    assert await facts(no) == ["created"]
    found = await client.get("/api/v1/operations", params={"order_no": no, "total": "true"})
    assert found.json()["page"]["total"] == 20


async def test_an_operation_that_is_refused_leaves_no_order(client, plan, database):
    body = {"order_no": a_number(), "operation_no": "0010", "workplace": "NOWHERE", "item": "IT-1", "qty_desired": "1"}
    async with nothing_written(database, "work_orders", told="resource.unknown-reference"):
        assert (await client.post("/api/v1/operations", json=body)).status_code == 422


async def test_an_order_begins_with_the_operations_of_its_routing(client, plant, facts):
    no = a_number()
    body = {"order_no": no, "item": "IT-R", "qty_desired": "7", "due": "2026-12-24T12:00:00Z"}
    made = await client.post("/api/v1/work-orders", json=body)
    assert (made.status_code, made.json()["status"]) == (201, "RELEASED")
    found = (await client.get("/api/v1/operations", params={"order_no": no})).json()["data"]
    assert [(one["operation_no"], one["workplace"]) for one in found] == [
        ("0010", "WP-2"),
        ("0020", "WP-1"),
        ("0030", "WP-2"),
    ]
    assert {(one["item"], one["qty_desired"], one["due"], one["version"]) for one in found} == {
        ("IT-R", "7", "2026-12-24T12:00:00Z", 1)
    }
    assert await facts(no) == ["created"]


@pytest.mark.parametrize("body", [{"item": "IT-R"}, {"qty_desired": "7"}, {"item": "IT-1", "qty_desired": "7"}])
async def test_without_item_quantity_or_routing_an_order_begins_empty(client, plant, body):
    no = a_number()
    assert (await client.post("/api/v1/work-orders", json={"order_no": no, **body})).status_code == 201
    assert (await client.get("/api/v1/operations", params={"order_no": no})).json()["data"] == []


def rows(no, *states, **more):
    return [
        {"order_no": no, "operation_no": f"{n:04}", "workplace": "WP-1", "item": "IT-1", "qty_desired": "5"}
        | ({"status": state} if state else {})
        | more
        for n, state in enumerate(states)
    ]


async def test_imported_operations_make_their_orders_with_the_status_they_bring(imports, plant, order, facts):
    wanted = {
        a_number(): (("RELEASED", "RELEASED"), "RELEASED"),
        a_number(): (("FINISHED", "RELEASED"), "IN_PROGRESS"),
        a_number(): (("FINISHED", "CANCELLED"), "FINISHED"),
        a_number(): (("CANCELLED",), "CANCELLED"),
    }
    said = [row for no, (states, _) in wanted.items() for row in rows(no, *states)]
    result = await imports.send("operations", said)
    assert set(result.states) == {"created"}
    for no, (_, status) in wanted.items():
        found = await order(no)
        assert (found["status"], found["source"], await facts(no)) == (status, "import", ["created"])
    again = await imports.send("operations", said)
    assert set(again.states) == {"unchanged"}
    assert [await facts(no) for no in wanted] == [["created"]] * len(wanted)


async def test_batches_of_one_import_share_their_order(imports, plant, order, facts):
    no = a_number()
    every = rows(no, "FINISHED", "FINISHED", "RELEASED", "CANCELLED")
    batches = [imports.batch("operations", every[n : n + 1]) for n in range(4)]
    results = await imports.deliver(batches)
    assert [one.states for one in results] == [("created",)] * 4
    assert (await order(no))["status"] == "IN_PROGRESS"
    assert await facts(no) == ["created", "started"]


async def test_an_import_adds_to_an_order_that_is_there(imports, plan, act, order, facts):
    no = a_number()
    await plan(no, "9999")
    await act(f"operations/{no}/9999", "cancel", reason="given up")
    await imports.send("operations", rows(no, None, None))
    assert ((await order(no))["status"], (await order(no))["source"]) == ("RELEASED", "api")
    assert await facts(no) == ["created", "cancelled", "released"]


async def test_a_row_of_a_closed_order_is_refused_alone_also_in_a_plan(imports, plan, act, facts):
    no, other = a_number(), a_number()
    await plan(no, "9999")
    await act(f"operations/{no}/9999", "cancel", reason="given up")
    assert (await act(f"work-orders/{no}", "close", reason="given up")).status_code == 200
    for phase in ("plan", "commit"):
        result = await imports.send("operations", rows(no, None) + rows(other, None), phase=phase)
        assert result.states == ("rejected", "created")
        assert [(one.field, one.code) for one in result.refusals] == [("order_no", "work-order.closed")]
    assert (await facts(no), await facts(other)) == (["created", "cancelled", "closed"], ["created"])


async def test_api_and_imports_that_name_one_unknown_order_at_once_make_one(imports, plan, facts):
    for _ in range(5):
        no = a_number()
        await asyncio.gather(imports.send("operations", rows(no, None, None)), *(plan(no, f"A{n}") for n in range(5)))
        assert await facts(no) == ["created"]
