"""One order's operations are one flow: none processes more than the one before has handed over."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written

from .conftest import Act, Chain, Plan, at

BOOK = """
WITH o AS (
    UPDATE operations SET entries = entries + 1, qty_good = qty_good + {more}, qty_processed = qty_processed + {more}
    WHERE order_no = '{order_no}' AND operation_no = '{operation_no}'
    RETURNING id, entries, qty_good, qty_scrap, qty_rework
)
INSERT INTO ledger_entries
    (id, operation_id, entry_no, kind, good, scrap, rework, good_total, scrap_total, rework_total, booked_by,
     created_at, reason, corrects)
SELECT gen_random_uuid(), id, entries, '{kind}', {more}, 0, 0, qty_good, qty_scrap, qty_rework, 'x', now(), 'x', {wrong}
FROM o
"""


async def running(act: Act, operations: list[dict[str, Any]], *goods: str) -> None:
    """Each is started and reports, the first one first."""
    for operation, good in zip(operations, goods, strict=True):
        assert (await act(operation, "start")).status_code == 200
        assert (await act(operation, "report", good=good)).status_code == 200


async def entry_of(client: httpx.AsyncClient, operation: dict[str, Any]) -> str:
    """Id of its first entry."""
    found: str = (await client.get(at(operation, "/ledger"))).json()["data"][0]["id"]
    return found


async def test_the_next_operation_starts_on_what_was_handed_over(chain: Chain, act: Act) -> None:
    first, second = await chain(2)
    await act(first, "start")

    early = await act(second, "start")
    await act(first, "report", good="80", scrap="5", reason="porosity")
    late = await act(second, "start")

    assert (early.status_code, early.json()["code"]) == (409, "operation.nothing-handed-over")
    assert (late.status_code, late.json()["status"]) == (200, "IN_PROGRESS")


async def test_the_ceiling_is_the_good_of_the_one_before(chain: Chain, act: Act, database: TestDatabase) -> None:
    first, second, third = await chain(3)
    await running(act, [first, second, third], "80", "50", "20")

    async with nothing_written(database, "ledger_entries", told="operation.over-handed-over"):
        over = await act(second, "report", good="30", scrap="0.000001", reason="porosity")
    exactly = await act(second, "report", good="29", scrap="1", reason="porosity")
    last = await act(third, "report", good="59.000001")

    assert (over.status_code, over.json()["errors"][0]["pointer"]) == (409, "/good")
    assert "30" in over.json()["detail"]
    assert (exactly.status_code, exactly.json()["qty_processed"]) == (200, "80")
    assert (last.status_code, last.json()["code"]) == (409, "operation.over-handed-over")


async def test_a_tolerance_widens_what_was_handed_over_and_never_what_is_desired(chain: Chain, act: Act) -> None:
    first, second = await chain(2, tolerance_percent="10")
    await running(act, [first, second], "50", "55")
    await act(first, "report", good="60")

    answers = [await act(second, "report", good="55.01"), await act(second, "report", good="55")]

    assert [answer.status_code for answer in answers] == [409, 200]
    assert answers[0].json()["code"] == "operation.over-desired"


async def test_what_is_cancelled_or_archived_is_passed_over(chain: Chain, act: Act, client: httpx.AsyncClient) -> None:
    first, second, third, fourth = await chain(4)
    await running(act, [first], "30")
    await act(second, "cancel", reason="not needed")
    await client.delete(at(third), headers={"if-match": '"1"'})

    started = await act(fourth, "start")
    over = await act(fourth, "report", good="31")

    assert (started.status_code, over.json()["code"]) == (200, "operation.over-handed-over")


async def test_a_correction_does_not_take_back_what_was_consumed(
    chain: Chain, act: Act, client: httpx.AsyncClient, database: TestDatabase
) -> None:
    first, second = await chain(2)
    await running(act, [first, second], "80", "50")
    wrong = await entry_of(client, first)

    async with nothing_written(database, "ledger_entries", told="operation.consumed-downstream"):
        refused = await act(first, "correct", entry_id=wrong, good="49", reason="recounted")
    taken = await act(first, "correct", entry_id=wrong, good="50", reason="recounted")

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (409, "/good")
    assert (taken.status_code, taken.json()["qty_good"]) == (200, "50")
    assert (await act(second, "report", good="1")).json()["code"] == "operation.over-handed-over"


async def test_no_operation_is_put_before_one_that_has_worked(
    chain: Chain, plan: Plan, act: Act, client: httpx.AsyncClient, database: TestDatabase
) -> None:
    first, second = await chain(2)
    await running(act, [first, second], "80", "50")
    between = {"order_no": first["order_no"], "operation_no": "0015", "qty_desired": "100"}

    async with nothing_written(database, "operations", told="operation.consumed-downstream"):
        answer = await client.post("/api/v1/operations", json={**between, "workplace": "WP-1", "item": "IT-1"})

    assert (answer.status_code, answer.json()["code"]) == (409, "operation.consumed-downstream")
    assert (await plan(order_no=first["order_no"], operation_no="0030"))["status"] == "RELEASED"


async def test_what_was_archived_does_not_come_back_before_one_that_has_worked(
    chain: Chain, act: Act, client: httpx.AsyncClient
) -> None:
    first, between, last = await chain(3)
    archived = await client.delete(at(between), headers={"if-match": '"1"'})
    await running(act, [first, last], "80", "50")

    answer = await act(between, "restore")

    assert archived.status_code == 204
    assert (answer.status_code, answer.json()["code"]) == (409, "operation.consumed-downstream")


async def test_one_that_has_worked_is_not_cancelled_when_the_one_before_does_not_cover_the_next(
    chain: Chain, act: Act
) -> None:
    first, second, third = await chain(3, tolerance_percent="10")
    await running(act, [first, second, third], "50", "55", "60")

    answer = await act(second, "cancel", reason="not needed")

    assert (answer.status_code, answer.json()["code"]) == (409, "operation.consumed-downstream")


@pytest.mark.parametrize(
    ("operation_no", "kind", "more"),
    [("0020", "report", "31"), ("0010", "correction", "-31"), ("0020", "report", "30")],
)
async def test_the_database_keeps_the_flow_by_itself(
    chain: Chain, act: Act, client: httpx.AsyncClient, database: TestDatabase, operation_no: str, kind: str, more: str
) -> None:
    first, second = await chain(2)
    await running(act, [first, second], "80", "50")
    wrong = f"'{await entry_of(client, first)}'::uuid" if kind == "correction" else "NULL"
    about = {"order_no": first["order_no"], "operation_no": operation_no, "kind": kind, "more": more, "wrong": wrong}

    async with database.connect("app") as connection:
        if more == "30":
            assert await connection.execute(BOOK.format(**about)) == "INSERT 0 1", "the statement itself is right"
            return
        with pytest.raises(asyncpg.CheckViolationError, match="flow"):
            await connection.execute(BOOK.format(**about))


async def test_a_report_that_waits_for_a_correction_is_held_to_what_is_left(
    chain: Chain, act: Act, client: httpx.AsyncClient, database: TestDatabase
) -> None:
    """The database by itself: what was read before the wait is not true any more."""
    first, second = await chain(2)
    await running(act, [first, second], "80", "50")
    wrong = f"'{await entry_of(client, first)}'::uuid"
    order_no = first["order_no"]
    taken_back = BOOK.format(order_no=order_no, operation_no="0010", kind="correction", more="-30", wrong=wrong)
    report = BOOK.format(order_no=order_no, operation_no="0020", kind="report", more="1", wrong="NULL")

    async with database.connect("app") as correcting, database.connect("app") as reporting:
        async with correcting.transaction():
            await correcting.execute(taken_back)
            waiting = asyncio.create_task(reporting.execute(report))
            await waits(database, reporting)
        with pytest.raises(asyncpg.CheckViolationError, match="flow"):
            await waiting


async def waits(database: TestDatabase, connection: asyncpg.Connection) -> None:
    """Until the connection waits for a row that another one holds."""
    query = "SELECT cardinality(pg_blocking_pids($1)) > 0"
    async with database.connect("owner") as looking:
        for _ in range(500):
            if await looking.fetchval(query, connection.get_server_pid()):
                return
            await asyncio.sleep(0.01)
    raise AssertionError("it does not wait")


@pytest.mark.parametrize(
    ("goods", "change", "operation_no"),
    [
        ([], "status = 'IN_PROGRESS'", "0020"),
        (["50", "55"], "tolerance_percent = 9.99", "0020"),
        (["50", "55"], "status = 'RELEASED', qty_good = 0, qty_processed = 0, entries = 0", "0010"),
    ],
)
async def test_the_database_refuses_other_ways_around_the_flow(
    chain: Chain, act: Act, database: TestDatabase, goods: list[str], change: str, operation_no: str
) -> None:
    operations = await chain(2, tolerance_percent="10")
    await running(act, operations[: len(goods)], *goods)

    async with database.connect("app") as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                f"UPDATE operations SET {change} WHERE order_no = $1 AND operation_no = $2",
                operations[0]["order_no"],
                operation_no,
            )


async def test_a_report_and_the_correction_that_takes_its_material_do_not_both_win(
    chain: Chain, act: Act, client: httpx.AsyncClient
) -> None:
    """Twelve orders, each with one second in which both are sent; and who loses is told why."""
    told = set()
    for _ in range(12):
        first, second = await chain(2)
        await running(act, [first, second], "10", "1")
        wrong = await entry_of(client, first)

        report, correction = await asyncio.gather(
            act(second, "report", good="9"), act(first, "correct", entry_id=wrong, good="1", reason="recounted")
        )

        assert sorted((report.status_code, correction.status_code)) == [200, 409], (report.text, correction.text)
        told |= {answer.json()["code"] for answer in (report, correction) if answer.status_code == 409}
    assert told <= {"operation.over-handed-over", "operation.consumed-downstream"}


async def test_twenty_reporters_share_what_was_handed_over(chain: Chain, act: Act, client: httpx.AsyncClient) -> None:
    first, second = await chain(2)
    await running(act, [first, second], "50", "1")

    answers = await asyncio.gather(*(act(second, "report", good="7") for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [409] * 13, "1 + 7 x 7 = 50"
    assert (await client.get(at(second))).json()["qty_good"] == "50"
