"""A finished last operation proposes the transport order, once, whatever is redelivered or comes at once."""

import asyncio
from itertools import count

import asyncpg
import orjson
import pytest
from aiokafka import ConsumerRecord

from operations.logistics.consumers import GROUP
from services.operations.tests.logistics.conftest import NUMBERS, key
from takt_contracts.operations.logistics import TransportOrderProposed
from takt_contracts.operations.production import OperationFinished

pytestmark = pytest.mark.db
OFFSETS = count(1)


@pytest.fixture
async def work(client):
    """`await work("0010", "0020")` plans operations of one new work order; answers its number."""
    for plural, code in (("workplaces", "WP-1"), ("items", "IT-1")):
        await client.post(f"/api/v1/{plural}", json={"code": code, "name": code})

    async def plan(*numbers, order_no=None):
        order_no = order_no or f"WO-{next(NUMBERS)}"
        for number in numbers:
            body = {"order_no": order_no, "operation_no": number, "workplace": "WP-1", "item": "IT-1"}
            reply = await client.post("/api/v1/operations", json={**body, "qty_desired": "10"})
            assert reply.status_code == 201, reply.text
        return order_no

    return plan


@pytest.fixture
def act(client):
    """`await act("WO-1", "0010", "start", "report", "finish")`."""

    async def do(order_no, operation_no, *verbs):
        for verb in verbs:
            body = {"good": "10"} if verb == "report" else {"reason": "not needed"} if verb == "cancel" else {}
            path = f"/api/v1/operations/{order_no}/{operation_no}/{verb}"
            reply = await client.post(path, json=body, headers=key())
            assert reply.status_code == 200, reply.text

    return do


@pytest.fixture
def told(app, database):
    """`await told("WO-1")` hands all that was told of its operations to the consumer, as one poll of the log."""
    [subscription] = [one for one in app.state.messaging.subscriptions if one.group == GROUP]

    async def send(*orders, operation_no=None):
        async with database.connect() as connection:
            rows = await connection.fetch(
                "SELECT topic, key, headers, payload FROM outbox WHERE topic = $1"
                " AND split_part(aggregateid, '/', 1) = ANY($2)"
                " AND coalesce(split_part(aggregateid, '/', 2) = $3, true) ORDER BY recorded_at, version",
                OperationFinished.topic,
                list(orders),
                operation_no,
            )
        await subscription.pipeline.consume([_record(row) for row in rows])

    return send


def _record(row):
    headers = tuple((name, value.encode()) for name, value in orjson.loads(row["headers"]).items())
    key, value = row["key"].encode(), row["payload"].encode()
    return ConsumerRecord(row["topic"], 0, next(OFFSETS), -1, 0, key, value, None, len(key), len(value), headers)


@pytest.fixture
def proposed(published):
    """`await proposed("WO-1")`: the transport orders that were proposed for it."""

    async def read(order_no):
        return [event.state for event in await published(TransportOrderProposed) if event.state.order_no == order_no]

    return read


async def parked(database):
    async with database.connect() as connection:
        return await connection.fetchval("SELECT count(*) FROM parked WHERE group_name = $1", GROUP)


WHOLE = ("start", "report", "finish")


async def test_the_last_finished_operation_proposes_its_transport_once(client, work, act, told, proposed, database):
    order_no = await work("0010", "0020")
    await act(order_no, "0010", *WHOLE)
    await told(order_no)
    assert await proposed(order_no) == []

    await act(order_no, "0020", *WHOLE)
    for _ in range(3):
        await told(order_no)

    [order] = await proposed(order_no)
    found = (await client.get(f"/api/v1/transport-orders/{order.no}")).json()
    assert (found["no"], found["status"], found["order_no"]) == (f"TO-{order_no}", "PROPOSED", order_no)


async def test_a_cancelled_last_operation_makes_the_one_before_it_the_last(work, act, told, proposed):
    order_no = await work("0010", "0020")
    await act(order_no, "0010", *WHOLE)
    await act(order_no, "0020", "cancel")
    await told(order_no)
    assert len(await proposed(order_no)) == 1


async def test_a_work_order_that_was_cancelled_altogether_is_not_shipped(work, act, told, proposed):
    order_no = await work("0010")
    await act(order_no, "0010", "cancel")
    await told(order_no)
    assert await proposed(order_no) == []


async def test_what_somebody_planned_already_is_not_proposed(client, work, act, told, proposed):
    order_no = await work("0010")
    await client.post("/api/v1/transport-orders", json={"no": f"OWN-{order_no}", "order_no": order_no})
    await act(order_no, "0010", *WHOLE)
    await told(order_no)
    assert await proposed(order_no) == []


async def test_a_proposal_is_not_made_again_when_it_was_cancelled(client, work, act, told, proposed):
    order_no = await work("0010")
    await act(order_no, "0010", *WHOLE)
    await told(order_no)
    await client.post(f"/api/v1/transport-orders/TO-{order_no}/cancel", json={"reason": "collected"}, headers=key())
    await work("0020", order_no=order_no)
    await act(order_no, "0020", *WHOLE)
    await told(order_no)
    assert len(await proposed(order_no)) == 1


@pytest.mark.parametrize("order_no", ["TAKEN-1", "X" * 40], ids=["its number is taken", "its number is too long"])
async def test_a_proposal_finds_a_number_of_its_own(client, work, act, told, proposed, order_no):
    await client.post("/api/v1/transport-orders", json={"no": "TO-TAKEN-1"})
    await work("0010", order_no=order_no)
    await act(order_no, "0010", *WHOLE)
    await told(order_no)
    [order] = await proposed(order_no)
    assert order.no.startswith(f"TO-{order_no[:20]}")
    assert order.no not in ("TO-TAKEN-1", f"TO-{order_no}")


async def test_two_members_that_see_the_end_at_once_propose_one(work, act, told, proposed, database):
    orders = [await work("0010", "0020") for _ in range(5)]
    for order_no in orders:
        await act(order_no, "0010", *WHOLE)
        await act(order_no, "0020", *WHOLE)
    await asyncio.gather(*(told(order_no, operation_no=number) for order_no in orders for number in ("0010", "0020")))
    assert [len(await proposed(order_no)) for order_no in orders] == [1] * 5
    assert await parked(database) == 0


async def test_the_database_refuses_a_second_proposal(client, work, act, told, proposed, database):
    order_no = await work("0010")
    await act(order_no, "0010", *WHOLE)
    await told(order_no)
    await client.post("/api/v1/transport-orders", json={"no": f"SECOND-{order_no}"})
    async with database.connect() as connection:
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute(
                "UPDATE transport_orders SET proposed_for = $1 WHERE no = $2", order_no, f"SECOND-{order_no}"
            )


async def test_work_that_a_workbook_brings_along_as_finished_is_not_shipped_again(work, imports, told, proposed):
    await work()
    row = {
        "order_no": "OLD-1", "operation_no": "0010", "workplace": "WP-1", "item": "IT-1", "qty_desired": "5",
        "status": "FINISHED", "qty_good": "5",
    }  # fmt: skip
    assert (await imports.send("operations", [row])).states == ("created",)
    await told("OLD-1")
    assert await proposed("OLD-1") == []
