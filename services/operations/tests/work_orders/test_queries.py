"""What is done to many orders costs as many statements as what is done to one."""

import pytest

from plantkit.testing.statements import statements

from .conftest import a_number

pytestmark = pytest.mark.db


def rows(count):
    return [
        {"order_no": a_number(), "operation_no": "0010", "workplace": "WP-1", "item": "IT-1", "qty_desired": "5"}
        for _ in range(count)
    ]


async def test_an_import_of_many_orders_sends_what_one_of_few_sends(imports, app, plant):
    sent_for = {}
    for count in (2, 300):
        batch = imports.batch("operations", rows(count))
        async with statements(app) as sent:
            [result] = await imports.deliver([batch])
        assert set(result.states) == {"created"}
        sent_for[count] = len(sent)
    assert sent_for[300] == sent_for[2]


async def test_a_list_and_one_order_are_one_statement_each(client, app, plan):
    no = a_number()
    await plan(no)
    for path in ("work-orders?limit=1000", f"work-orders/{no}"):
        async with statements(app) as sent:
            assert (await client.get(f"/api/v1/{path}")).status_code == 200
        assert len(sent) == 1


async def test_an_order_of_a_routing_reads_the_routing_and_writes_once(client, app, plant):
    async with statements(app) as sent:
        body = {"order_no": a_number(), "item": "IT-R", "qty_desired": "7"}
        assert (await client.post("/api/v1/work-orders", json=body)).status_code == 201
    assert len(sent) == 2


async def test_a_start_sends_as_much_among_many_operations_as_among_few(client, app, act, plan):
    sent_for = {}
    for count in (2, 12):
        no = a_number()
        for n in range(count):
            await plan(no, f"{n:04}")
        async with statements(app) as sent:
            assert (await act(f"operations/{no}/0000", "start")).status_code == 200
        sent_for[count] = len(sent)
    assert sent_for[12] == sent_for[2]


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
async def test_a_new_operation_looks_for_its_order_and_writes_once(client, app, plan, is_known):
    no = a_number()
    if is_known:
        await plan(no, "0010")
    async with statements(app) as sent:
        await plan(no, "0020")
    assert len(sent) == 2


async def test_a_report_reads_the_operation_and_writes_once(app, act, plan):
    no = a_number()
    await plan(no)
    await act(f"operations/{no}/0010", "start")
    async with statements(app) as sent:
        assert (await act(f"operations/{no}/0010", "report", good="1")).status_code == 200
    assert len(sent) == 2


async def test_a_new_resource_is_written_in_one_statement(client, app):
    async with statements(app) as sent:
        body = {"code": a_number(), "name": "Cell"}
        assert (await client.post("/api/v1/workplaces", json=body)).status_code == 201
    assert len(sent) == 1
