"""From the plan to the proof of delivery, over HTTP, and what is refused on the way."""

import asyncio
from itertools import product
from typing import Any

import asyncpg
import pytest

from plantkit.testing.watch import audit_entries, nothing_written, refusal_codes
from services.operations.tests.logistics.conftest import NUMBERS, TIMES, add, key
from takt_contracts.operations.logistics import (
    TransportOrderAssigned,
    TransportOrderCancelled,
    TransportOrderDelivered,
    TransportOrderEvent,
)
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
URL = "/api/v1/transport-orders"
LATER = {"etd": "2026-03-02T11:59:00Z", "outbound_arrival": "2026-03-02T14:00:00Z"}
AFTER = {"etd": "2026-03-02T12:00:00Z", "outbound_arrival": "2026-03-02T14:00:00Z"}


def refusal(reply):
    return reply.status_code, reply.json()["code"]


async def patch(client, order, **fields):
    found = (await client.get(f"{URL}/{order['no']}")).json()
    return await client.patch(f"{URL}/{order['no']}", json=fields, headers={"if-match": f'"{found["version"]}"'})


async def facts_of(database, order):
    async with database.connect() as connection:
        rows = await connection.fetch(
            "SELECT type FROM outbox WHERE topic = $1 AND aggregateid = $2 ORDER BY version",
            TransportOrderEvent.topic,
            order["no"],
        )
    return [row["type"].split(".")[-2] for row in rows]


async def test_an_order_is_driven_from_the_plan_to_the_proof(plan, act, driver, truck, trailer, published, database):
    order = await plan()
    for leg in ("inbound", "outbound"):
        reply = await act(order, "assign", leg=leg, driver=driver, truck=truck, trailer=trailer)
        assert reply.status_code == 200, reply.text
    for verb, status in (("dispatch", "DISPATCHED"), ("depart", "DEPARTED"), ("arrive", "ARRIVED")):
        assert (await act(order, verb)).json()["status"] == status
    proof = {"received_by": "Receiver 03", "delivered_at": "2026-03-02T11:40:00Z", "note": "two boxes dented"}
    photo = "0195570a-1b2c-7d3e-8f40-5a6b7c8d9e0f"
    reply = await act(order, "deliver", **proof, photo=photo)

    assert (reply.status_code, reply.json()["status"]) == (200, "DELIVERED")
    assert reply.json()["proof"] == {**proof, "photo": photo}
    told = [event.state for event in await published(TransportOrderDelivered) if event.state.no == order["no"]]
    assert [str(state.proof.received_by) for state in told] == ["Receiver 03"]
    assert await facts_of(database, order) == [
        "created", "assigned", "assigned", "dispatched", "departed", "arrived", "delivered",
    ]  # fmt: skip


async def test_a_proof_without_a_time_is_now_and_none_comes_from_the_future(act, assigned, database):
    for verb in ("dispatch", "depart", "arrive"):
        assert (await act(assigned, verb)).status_code == 200
    async with nothing_written(database, "transport_orders", told="transport-order.delivered-in-future"):
        reply = await act(assigned, "deliver", received_by="Receiver 03", delivered_at="2999-01-01T00:00:00Z")
    assert refusal(reply) == (422, "transport-order.delivered-in-future")
    reply = await act(assigned, "deliver", received_by="Receiver 03")
    assert reply.json()["proof"]["delivered_at"] == reply.json()["updated_at"]


@pytest.mark.parametrize("verb", ["dispatch", "depart", "arrive", "deliver"])
async def test_a_move_that_the_status_does_not_allow_is_refused(plan, act, database, verb):
    order = await plan()
    body = {"received_by": "Receiver 03"} if verb == "deliver" else {}
    async with nothing_written(database, "transport_orders", told="transport-order.illegal-transition"):
        reply = await act(order, verb, **body)
    assert refusal(reply) == (409, "transport-order.illegal-transition")
    assert (reply.json()["status"], reply.json()["detail"]) == (409, f"A PLANNED transport order cannot {verb}.")


async def test_a_truck_is_not_booked_twice_and_the_refusal_names_everything(plan, act, assigned, truck, database):
    other = await plan(**LATER)
    async with nothing_written(database, "transport_orders", told="transport-order.double-booking"):
        reply = await act(other, "assign", truck=truck)
    assert refusal(reply) == (409, "transport-order.double-booking")
    said = {name: reply.json()[name] for name in ("asset", "key", "order", "starts", "ends")}
    assert said == {
        "asset": "truck", "key": truck, "order": assigned["no"],
        "starts": "2026-03-02T08:00:00Z", "ends": "2026-03-02T12:00:00Z",
    }  # fmt: skip
    assert all(str(value) in reply.json()["detail"] for value in said.values())


@pytest.mark.parametrize("kind", ["driver", "truck", "trailer"])
async def test_a_window_ends_before_the_next_begins(client, plan, act, kind):
    code = await add(client, f"{kind}s", f"A-{next(NUMBERS)}")
    replies = [await act(await plan(**times), "assign", **{kind: code}) for times in (TIMES, LATER, AFTER)]
    assert [reply.status_code for reply in replies] == [200, 409, 200]


async def test_of_twenty_who_assign_one_truck_for_overlapping_windows_one_wins(plan, act, truck, database):
    orders = [await plan(outbound_arrival=f"2026-03-02T12:{minute:02}:00Z") for minute in range(20)]
    replies = await asyncio.gather(*(act(order, "assign", truck=truck) for order in orders))
    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 19
    [winner] = [order["no"] for order, reply in zip(orders, replies, strict=True) if reply.status_code == 200]
    lost = [reply.json() for reply in replies if reply.status_code == 409]
    assert {(one["code"], one["order"], one["key"]) for one in lost} == {
        ("transport-order.double-booking", winner, truck)
    }
    async with database.connect() as connection:
        booked = "SELECT count(*) FROM transport_bookings b JOIN trucks t ON t.no = b.truck_no WHERE t.code = $1"
        assert await connection.fetchval(booked, truck) == 1


async def test_the_database_refuses_a_double_booking_whatever_the_code_does(plan, assigned, truck, database):
    other = await plan()
    async with database.connect() as connection:
        with pytest.raises(asyncpg.ExclusionViolationError):
            await connection.execute(
                "UPDATE transport_orders SET status = 'ASSIGNED', outbound_truck = $1 WHERE no = $2", truck, other["no"]
            )
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE transport_orders SET kilos = 5000.1 WHERE no = $1", assigned["no"])
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute("UPDATE transport_orders SET kilos = -1 WHERE no = $1", other["no"])


async def test_times_move_with_their_bookings_unless_somebody_else_is_there(
    client, plan, act, assigned, truck, database
):
    other = await plan(**AFTER)
    assert (await act(other, "assign", truck=truck)).status_code == 200
    async with nothing_written(database, "transport_orders", told="transport-order.double-booking"):
        reply = await patch(client, assigned, outbound_arrival="2026-03-02T12:30:00Z")
    assert (refusal(reply), reply.json()["order"]) == ((409, "transport-order.double-booking"), other["no"])
    assert (await patch(client, other, etd="2026-03-02T12:40:00Z")).status_code == 200
    assert (await patch(client, assigned, outbound_arrival="2026-03-02T12:30:00Z")).status_code == 200


async def test_an_order_may_be_assigned_anew_and_frees_what_it_had(client, plan, act, assigned, driver, truck):
    another = await add(client, "trucks", f"TR-{next(NUMBERS)}")
    assert (await act(assigned, "assign", driver=driver, truck=another)).json()["outbound_truck"] == another
    assert (await act(await plan(), "assign", truck=truck)).status_code == 200


@pytest.mark.parametrize("end", ["cancel", "deliver"])
async def test_what_is_over_frees_what_it_had(plan, act, assigned, truck, end):
    if end == "deliver":
        for verb in ("dispatch", "depart", "arrive"):
            assert (await act(assigned, verb)).status_code == 200
    body = {"reason": "customer collects"} if end == "cancel" else {"received_by": "Receiver 03"}
    assert (await act(assigned, end, **body)).status_code == 200
    assert (await act(await plan(), "assign", truck=truck)).status_code == 200


async def test_a_cancelled_order_says_why(act, assigned, published):
    reply = await act(assigned, "cancel", reason="customer collects")
    assert (reply.json()["status"], reply.json()["cancel_reason"]) == ("CANCELLED", "customer collects")
    assert (await published(TransportOrderCancelled))[-1].reason == "customer collects"


@pytest.mark.parametrize("load", [{"pallets": 11}, {"kilos": "5000.5"}], ids=["pallets", "kilos"])
async def test_a_load_above_the_capacity_is_refused_by_name(plan, act, truck, trailer, database, load):
    order = await plan(**load)
    async with nothing_written(database, "transport_orders", told="transport-order.over-capacity"):
        reply = await act(order, "assign", truck=truck)
    assert (refusal(reply), reply.json()["assets"]) == ((422, "transport-order.over-capacity"), [truck])
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/truck"]
    assert (await act(order, "assign", truck=truck, trailer=trailer)).status_code == 200


async def test_a_load_does_not_grow_above_the_capacity_afterwards(client, assigned, database):
    async with nothing_written(database, "transport_orders", told="transport-order.over-capacity"):
        reply = await patch(client, assigned, kilos="5001")
    assert refusal(reply) == (422, "transport-order.over-capacity")
    assert (await patch(client, assigned, kilos="5000")).status_code == 200


LOWERED: dict[str, dict[str, Any]] = {
    "pallets": {"capacity_pallets": 3},
    "kilos": {"capacity_kg": "1249.9"},
    "both": {"capacity_pallets": 0, "capacity_kg": "0"},
}


@pytest.mark.parametrize("case", LOWERED)
@pytest.mark.parametrize("verbs", [(), ("dispatch", "depart")], ids=["assigned", "departed"])
async def test_a_truck_is_not_made_smaller_than_what_is_assigned_to_it(
    client, act, assigned, truck, database, case, verbs
):
    for verb in verbs:
        assert (await act(assigned, verb)).status_code == 200
    async with nothing_written(database, "trucks", told="vehicle.below-load"):
        reply = await change(client, f"trucks/{truck}", **LOWERED[case])
    assert (refusal(reply), reply.json()["orders"]) == ((422, "vehicle.below-load"), [assigned["no"]])
    assert [error["pointer"] for error in reply.json()["errors"]] == [f"/{name}" for name in LOWERED[case]]
    assert assigned["no"] in reply.json()["detail"]
    assert (await change(client, f"trucks/{truck}", capacity_pallets=4, capacity_kg="1250")).status_code == 200
    assert (await (act(assigned, "arrive") if verbs else act(assigned, "cancel", reason="no goods"))).is_success


async def change(client, path, **fields):
    found = (await client.get(f"/api/v1/{path}")).json()
    return await client.patch(f"/api/v1/{path}", json=fields, headers={"if-match": f'"{found["version"]}"'})


async def test_a_trailer_is_not_made_smaller_than_what_its_truck_leaves_for_it(client, plan, act, truck, trailer):
    order = await plan(pallets=25, kilos="1")
    assert (await act(order, "assign", truck=truck, trailer=trailer)).status_code == 200
    assert refusal(await change(client, f"trailers/{trailer}", capacity_pallets=14)) == (422, "vehicle.below-load")
    assert refusal(await change(client, f"trucks/{truck}", capacity_pallets=None)) == (422, "vehicle.below-load")
    assert (await change(client, f"trailers/{trailer}", capacity_pallets=15, capacity_kg=None)).status_code == 200
    assert (await act(order, "cancel", reason="no goods")).status_code == 200
    assert (await change(client, f"trailers/{trailer}", capacity_pallets=0)).status_code == 200


async def test_of_a_truck_made_smaller_and_loaded_at_once_it_never_has_too_much(client, plan, act):
    for _ in range(8):
        truck, order = await add(client, "trucks", f"TR-{next(NUMBERS)}", capacity_pallets=10), await plan()
        lowered, loaded = await asyncio.gather(
            change(client, f"trucks/{truck}", capacity_pallets=3), act(order, "assign", truck=truck)
        )
        codes = {reply.json().get("code") for reply in (lowered, loaded) if not reply.is_success}
        assert codes in ({"vehicle.below-load"}, {"transport-order.over-capacity"})


async def test_the_database_keeps_the_capacity_whatever_the_code_does(assigned, truck, database):
    for fields in ("capacity_pallets = 3", "capacity_kg = 1"):
        async with database.connect() as connection:
            with pytest.raises(asyncpg.CheckViolationError, match="less than its load"):
                await connection.execute(f"UPDATE trucks SET {fields} WHERE code = $1", truck)


async def test_an_import_that_makes_a_truck_too_small_is_refused_by_its_row(client, assigned, truck, imports):
    free = await add(client, "trucks", f"TR-{next(NUMBERS)}", capacity_pallets=9)
    rows = [{"code": one, "name": "Truck", "capacity_pallets": 3} for one in (truck, free)]
    result = await imports.send("trucks", rows, roles=(Role.PLANNER, Role.DISPATCHER))
    assert result.states == ("rejected", "updated")
    assert [(one.field, one.code) for one in result.refusals] == [("capacity_pallets", "vehicle.below-load")]


async def test_who_is_not_there_cannot_be_assigned(client, plan, act, truck, database):
    order = await plan()
    await client.delete(f"/api/v1/trucks/{truck}", headers={"if-match": '"1"'})
    async with nothing_written(database, "transport_orders", told="resource.unknown-reference"):
        reply = await act(order, "assign", driver="NOBODY", truck=truck)
    assert refusal(reply) == (422, "resource.unknown-reference")
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/driver", "/truck"]


async def test_a_leg_without_its_times_is_not_booked_and_keeps_them_once_it_is(
    client, plan, act, assigned, truck, database
):
    order = await plan(outbound_arrival=None)
    async with nothing_written(database, "transport_orders", told="transport-order.no-window"):
        reply = await act(order, "assign", truck=truck)
    assert refusal(reply) == (422, "transport-order.no-window")
    async with nothing_written(database, "transport_orders", told="transport-order.no-window"):
        assert refusal(await patch(client, assigned, etd=None)) == (422, "transport-order.no-window")


async def test_nothing_assigned_is_refused(plan, act, database):
    order = await plan()
    async with nothing_written(database, "transport_orders", told="request.invalid"):
        assert refusal(await act(order, "assign", leg="outbound")) == (422, "request.invalid")


async def test_without_a_driver_nothing_is_dispatched(plan, act, truck, database):
    order = await plan()
    await act(order, "assign", truck=truck)
    async with nothing_written(database, "transport_orders", told="transport-order.nobody-drives"):
        assert refusal(await act(order, "dispatch")) == (409, "transport-order.nobody-drives")


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"eta": TIMES["etd"], "etd": TIMES["eta"]}, "/etd"),
        ({"inbound_departure": TIMES["eta"]}, "/eta"),
        ({"outbound_arrival": TIMES["etd"]}, "/outbound_arrival"),
    ],
    ids=["leaves before it came", "comes in no time", "goes in no time"],
)
async def test_times_that_contradict_each_other_are_refused(client, plan, database, times, field):
    order = await plan()
    for sent in ("POST", "PATCH"):
        async with nothing_written(database, "transport_orders", told="transport-order.times-out-of-order"):
            if sent == "POST":
                reply = await client.post(URL, json={**TIMES, **times, "no": f"TO-{next(NUMBERS)}"})
            else:
                reply = await patch(client, order, **times)
        assert refusal(reply) == (422, "transport-order.times-out-of-order")
        assert [error["pointer"] for error in reply.json()["errors"]] == [field]


async def test_many_are_dispatched_at_once_with_a_result_each(client, plan, act, assigned, database):
    ready, planned = assigned["no"], (await plan())["no"]
    sent = {"orders": [planned, "NOBODY", ready]}
    reply = await client.post(f"{URL}/dispatch", json=sent, headers=key())
    assert reply.status_code == 200
    assert [(one["no"], one["dispatched"], one["code"]) for one in reply.json()["results"]] == [
        (planned, False, "transport-order.illegal-transition"),
        ("NOBODY", False, "resource.not-found"),
        (ready, True, None),
    ]
    found = {no: (await client.get(f"{URL}/{no}")).json()["status"] for no in (ready, planned)}
    assert found == {ready: "DISPATCHED", planned: "PLANNED"}
    assert await facts_of(database, assigned) == ["created", "assigned", "dispatched"]


async def test_each_one_that_a_bulk_dispatch_refuses_is_in_the_audit_trail_once(client, plan, assigned, database):
    planned, nobody, again = (await plan())["no"], f"NOBODY-{next(NUMBERS)}", key()
    for _ in range(2):
        sent = {"orders": [planned, nobody, assigned["no"], planned]}
        assert (await client.post(f"{URL}/dispatch", json=sent, headers=again)).status_code == 200
    entries = [one for one in await audit_entries(database) if one["subject"] in (planned, nobody, assigned["no"])]
    refused = [one for one in entries if one["outcome"] == "refused"]
    assert [(one["subject"], one["resource"], one["code"], one["action"]) for one in refused] == [
        (nobody, "transport-order", "resource.not-found", f"POST {URL}/dispatch"),
        (planned, "transport-order", "transport-order.illegal-transition", f"POST {URL}/dispatch"),
    ]
    [sent_off] = [one for one in entries if one["action"] == "operations.transport-order.dispatched"]
    assert (sent_off["subject"], sent_off["request_id"]) == (assigned["no"], refused[0]["request_id"])
    assert {one["actor"]["id"] for one in refused} == {sent_off["actor"]["id"]}


async def test_a_bulk_dispatch_that_sends_nobody_is_in_the_audit_trail_too(client, plan, database):
    planned, before = (await plan())["no"], await refusal_codes(database)
    reply = await client.post(f"{URL}/dispatch", json={"orders": [planned]}, headers=key())
    assert [one["dispatched"] for one in reply.json()["results"]] == [False]
    assert (await refusal_codes(database))[len(before) :] == ["transport-order.illegal-transition"]


async def test_a_repeated_bulk_dispatch_is_answered_alike(client, assigned):
    sent, again = {"orders": [assigned["no"]]}, key()
    first, second = [await client.post(f"{URL}/dispatch", json=sent, headers=again) for _ in range(2)]
    assert (second.content, second.headers["idempotent-replayed"]) == (first.content, "true")


async def test_a_bulk_dispatch_of_the_same_orders_from_two_sides_sends_each_once(client, plan, act):
    orders = []
    for _ in range(6):
        order = await plan()
        codes = {kind: await add(client, f"{kind}s", f"B-{next(NUMBERS)}") for kind in ("driver", "truck")}
        assert (await act(order, "assign", **codes)).status_code == 200
        orders.append(order["no"])
    sides = (orders, orders[::-1])
    replies = await asyncio.gather(
        *(client.post(f"{URL}/dispatch", json={"orders": one}, headers=key()) for one in sides)
    )
    sent = [one["no"] for reply in replies for one in reply.json()["results"] if one["dispatched"]]
    assert sorted(sent) == sorted(orders)


@pytest.mark.parametrize("orders", [[], ["TO-1"] * 501, [" "]], ids=["none", "too many", "no number"])
async def test_a_bulk_dispatch_that_cannot_be_taken_is_refused(client, database, orders):
    async with nothing_written(database, "transport_orders", told="request.invalid"):
        reply = await client.post(f"{URL}/dispatch", json={"orders": orders}, headers=key())
    assert refusal(reply) == (422, "request.invalid")


async def test_history_does_not_change_and_what_is_under_way_is_not_archived(client, act, assigned, database):
    version = {"if-match": f'"{assigned["version"]}"'}
    async with nothing_written(database, "transport_orders", told="transport-order.under-way"):
        reply = await client.delete(f"{URL}/{assigned['no']}", headers=version)
    assert refusal(reply) == (409, "transport-order.under-way")
    await act(assigned, "cancel", reason="no goods")
    async with nothing_written(database, "transport_orders", told="transport-order.final"):
        assert refusal(await patch(client, assigned, note="late")) == (409, "transport-order.final")


async def test_a_truck_under_way_is_in_use(client, assigned, truck, database):
    async with nothing_written(database, "trucks", told="resource.in-use"):
        reply = await client.delete(f"/api/v1/trucks/{truck}", headers={"if-match": '"1"'})
    assert reply.json()["users"] == [f"transport-orders/{assigned['no']}"]


@pytest.mark.parametrize(
    ("verb", "role"), list(product(["assign", "dispatch", "cancel"], [Role.OPERATOR, Role.VIEWER]))
)
async def test_only_dispatchers_move_transports(anonymous, signer, plan, verb, role, database):
    order = await plan()
    async with nothing_written(database, "transport_orders", told="auth.forbidden"):
        reply = await anonymous.post(f"{URL}/{order['no']}/{verb}", json={}, headers=signer.headers(role) | key())
    assert refusal(reply) == (403, "auth.forbidden")


async def test_an_import_moves_bookings_or_is_refused_alone(client, plan, act, assigned, truck, imports):
    free = await plan(**AFTER)
    assert (await act(free, "assign", truck=truck)).status_code == 200
    rows = [
        {"no": assigned["no"], "outbound_arrival": "2026-03-02T13:00:00Z"},
        {"no": free["no"], "outbound_arrival": "2026-03-02T15:00:00Z"},
    ]
    result = await imports.send("transport-orders", rows, roles=(Role.DISPATCHER,))
    assert result.states == ("rejected", "updated")
    assert [one.code for one in result.refusals] == ["transport-order.double-booking"]


async def test_an_assignment_tells_its_leg(act, plan, driver, truck, published):
    order = await plan()
    await act(order, "assign", leg="inbound", driver=driver, truck=truck)
    [event] = [one for one in await published(TransportOrderAssigned) if one.state.no == order["no"]]
    assert (event.leg, event.state.inbound_truck, event.state.outbound_truck) == ("inbound", truck, None)
