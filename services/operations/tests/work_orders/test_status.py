"""The status of a work order is that of its operations: told with each move, alone or all at once, by whomever."""

import asyncio

import asyncpg
import pytest

from operations.work_orders.rules import status_of
from plantkit.testing.watch import audit_entries
from takt_contracts.operations.production import Status

from .conftest import a_number

pytestmark = pytest.mark.db


async def test_an_order_lives_by_its_operations(plan, act, order, facts):
    no = a_number()
    for number in ("0010", "0020"):
        await plan(no, number)
    seen = [(await order(no))["status"]]
    for number in ("0010", "0020"):
        for verb, body in (("start", {}), ("report", {"good": "1"}), ("finish", {})):
            assert (await act(f"operations/{no}/{number}", verb, **body)).status_code == 200
            seen.append((await order(no))["status"])
    assert seen == ["RELEASED", *["IN_PROGRESS"] * 5, "FINISHED"]
    assert await facts(no) == ["created", "started", "finished"]


async def test_an_order_of_cancelled_operations_is_cancelled_and_new_work_releases_it(plan, act, order, facts):
    no = a_number()
    await plan(no)
    await act(f"operations/{no}/0010", "start")
    await plan(no, "0020")
    await act(f"operations/{no}/0010", "cancel", reason="broken")
    assert (await order(no))["status"] == "RELEASED"
    await act(f"operations/{no}/0020", "cancel", reason="broken too")
    assert (await order(no))["status"] == "CANCELLED"
    await plan(no, "0030")
    assert (await order(no))["status"] == "RELEASED"
    assert await facts(no) == ["created", "started", "released", "cancelled", "released"]


async def test_what_is_archived_says_nothing(client, plan, act, order):
    no = a_number()
    await plan(no)
    await plan(no, "0020")
    await act(f"operations/{no}/0010", "start")
    await act(f"operations/{no}/0010", "finish")
    assert (await order(no))["status"] == "IN_PROGRESS"
    gone = await client.delete(f"/api/v1/operations/{no}/0020", headers={"if-match": '"1"'})
    assert (gone.status_code, (await order(no))["status"]) == (204, "FINISHED")
    assert (await act(f"operations/{no}/0020", "restore")).status_code == 200
    assert (await order(no))["status"] == "IN_PROGRESS"


@pytest.mark.parametrize("verb", ["finish", "cancel"])
async def test_of_ten_operations_that_end_at_once_the_last_ends_the_order(plan, act, order, facts, verb):
    no, body = a_number(), {"reason": "given up"} if verb == "cancel" else {}
    paths = [f"operations/{no}/{n:04}" for n in range(10)]
    for n in range(10):
        await plan(no, f"{n:04}")
        await act(paths[n], "start")
        await act(paths[n], "report", good="1")
    ended = await asyncio.gather(*(act(path, verb, **body) for path in paths))
    assert {reply.status_code for reply in ended} == {200}
    assert (await order(no))["status"] == ("FINISHED" if verb == "finish" else "CANCELLED")
    told = await facts(no)
    assert (told[:2], told[-1]) == (["created", "started"], f"{verb}ed" if verb == "finish" else "cancelled")


async def test_moves_of_all_sorts_at_once_leave_what_the_rule_says(client, plan, act, order):
    no = a_number()
    for n in range(8):
        await plan(no, f"{n:04}")
    moves = [(f"operations/{no}/{n:04}", verb) for n in range(8) for verb in ("start", "finish", "cancel")]
    await asyncio.gather(*(act(path, verb, **({"reason": "x"} if verb == "cancel" else {})) for path, verb in moves))
    found = (await client.get("/api/v1/operations", params={"order_no": no})).json()["data"]
    assert (await order(no))["status"] == status_of([Status(one["status"]) for one in found])


async def test_new_work_waits_for_the_end_of_the_order_and_then_reopens_it(plan, act, order, database):
    no = a_number()
    await plan(no)
    await act(f"operations/{no}/0010", "start")
    async with database.connect() as connection, connection.transaction():
        for table in ("work_orders", "operations"):
            ended = f"UPDATE {table} SET status = 'FINISHED', version = version + 1 WHERE order_no = $1"
            await connection.execute(ended, no)
        added = asyncio.create_task(plan(no, "0020"))
        await _waits(database)
    assert (await added)["status"] == "RELEASED"
    assert (await order(no))["status"] == "IN_PROGRESS"


async def _waits(database) -> None:
    """Until a session of the service waits for somebody's row."""
    async with database.connect() as connection, asyncio.timeout(4):
        waits = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while not await connection.fetchval(f"SELECT EXISTS (SELECT {waits})"):  # noqa: ASYNC110 - only it knows
            await asyncio.sleep(0.01)


async def test_new_work_of_an_order_that_changes_is_taken_up(client, plan, order):
    no = a_number()
    await plan(no)

    async def change(priority: int) -> int:
        now = (await client.get(f"/api/v1/work-orders/{no}")).headers["etag"]
        path, body = f"/api/v1/work-orders/{no}", {"priority": priority}
        answer = await client.patch(path, json=body, headers={"if-match": now})
        return int(answer.status_code)

    added = (plan(no, f"A{n}") for n in range(10))
    answers = await asyncio.gather(*added, *(change(1 + n % 9) for n in range(10)))
    assert {answer for answer in answers if isinstance(answer, int)} <= {200, 412}
    found = await client.get("/api/v1/operations", params={"order_no": no, "total": "true"})
    assert (found.json()["page"]["total"], (await order(no))["status"]) == (11, "RELEASED")


async def test_the_audit_trail_names_the_operation_that_was_moved(plan, act, database):
    no = a_number()
    await plan(no)
    reply = await act(f"operations/{no}/0010", "start")
    entry = (await audit_entries(database))[-1]
    assert (entry["action"], entry["subject"], entry["version"]) == (
        "operations.operation.started",
        f"{no}/0010",
        reply.json()["version"],
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE work_orders SET status = 'FINISHED' WHERE order_no = $1",
        "UPDATE operations SET status = 'IN_PROGRESS' WHERE order_no = $1",
        "UPDATE operations SET status = 'CANCELLED' WHERE order_no = $1",
    ],
)
async def test_the_database_refuses_a_status_that_is_not_derived(plan, database, statement):
    no = a_number()
    for number in ("0010", "0020"):
        await plan(no, number)
    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement.replace("$1", f"'{no}'"))


async def test_the_database_refuses_work_of_no_order_and_of_a_closed_one(plan, act, database):
    no = a_number()
    await plan(no)
    await act(f"operations/{no}/0010", "cancel", reason="given up")
    copied = (
        "INSERT INTO operations SELECT (jsonb_populate_record(o, jsonb_build_object("
        "'id', gen_random_uuid(), 'operation_no', '0099', 'order_no', $1::text, 'status', $2::text))).*"
        " FROM operations o WHERE order_no = $3"
    )
    async with database.connect() as connection:
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await connection.execute(copied, "WO-NOWHERE", "CANCELLED", no)
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(copied, no, "RELEASED", no)
    assert (await act(f"work-orders/{no}", "close", reason="done")).status_code == 200
    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(copied, no, "CANCELLED", no)
