"""Timers: a machine or a person is at one place at a time, is let go where work stops, is qualified where it starts."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import asyncpg
import httpx
import pytest

from plantkit.ids import new_id
from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from takt_contracts.operations.timers import OperationTimerClosed, OperationTimerOpened
from takt_contracts.roles import Role

from .conftest import Act, Plan, at, key

pytestmark = pytest.mark.db
Make = Callable[..., Awaitable[str]]
_NUMBERS = count(1)
_WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


@pytest.fixture
def asset(client: httpx.AsyncClient) -> Make:
    """`await asset("machines")` makes one of its own and answers its code."""

    async def make(plural: str, **fields: Any) -> str:
        code = f"{plural[0].upper()}-{next(_NUMBERS)}"
        answer = await client.post(f"/api/v1/{plural}", json={"code": code, "name": f"Number {code}", **fields})
        assert answer.status_code == 201, answer.text
        return code

    return make


async def running(plan: Plan, act: Act, **fields: Any) -> dict[str, Any]:
    operation = await plan(**fields)
    answer = await act(operation, "start")
    assert answer.status_code == 200, answer.text
    return operation


async def timers(client: httpx.AsyncClient, operation: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(at(operation, "/timers"))).json()["data"]
    return found


async def test_a_timer_is_opened_stopped_listed_and_told(
    client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make, published: Any
) -> None:
    operation, machine, employee = await running(plan, act), await asset("machines"), await asset("employees")

    opened = await act(operation, "timers", kind="setup", machine=machine, employee=employee)
    timer = opened.json()["timer"]
    stopped = await act(operation, f"timers/{timer['id']}/stop")

    assert (opened.status_code, opened.headers["etag"], opened.json()["version"]) == (200, '"3"', 3)
    assert (timer["kind"], timer["machine"], timer["employee"], timer["ended_at"]) == ("setup", machine, employee, None)
    assert (stopped.status_code, stopped.json()["version"]) == (200, 4)
    assert await timers(client, operation) == [stopped.json()["timer"]]
    assert stopped.json()["timer"]["ended_at"] >= timer["started_at"]
    [began] = [event for event in await published(OperationTimerOpened) if event.subject == _subject(operation)]
    [left] = [event for event in await published(OperationTimerClosed) if event.subject == _subject(operation)]
    assert (began.version, left.version, str(left.timer.id)) == (3, 4, timer["id"])
    assert left.timer.ended_by == "user-07"


def _subject(operation: dict[str, Any]) -> str:
    return f"{operation['order_no']}/{operation['operation_no']}"


async def test_a_start_with_a_machine_and_a_person_puts_them_there(
    client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make
) -> None:
    operation, machine, employee = await plan(), await asset("machines"), await asset("employees")
    started = await act(operation, "start", machine=machine, employee=employee)
    assert (started.status_code, started.json()["status"], started.json()["version"]) == (200, "IN_PROGRESS", 4)
    found = [(one["kind"], one["machine"], one["employee"]) for one in await timers(client, operation)]
    assert found == [("machine", machine, None), ("labor", None, employee)]


@pytest.mark.parametrize("kind", ["machine", "employee"])
async def test_what_is_at_one_operation_is_refused_at_another_which_is_named(
    kind: str, database: TestDatabase, plan: Plan, act: Act, asset: Make
) -> None:
    here, there, code = await running(plan, act), await plan(), await asset(f"{kind}s")
    body = {"kind": "setup", kind: code}
    assert (await act(here, "timers", **body)).status_code == 200

    async with nothing_written(database, "timers", told="timer.elsewhere-already"):
        refused = await act(there, "start", **{kind: code})

    assert (refused.status_code, refused.json()["code"]) == (409, "timer.elsewhere-already")
    assert _subject(here) in refused.json()["detail"]


async def somebody_waits(connection: asyncpg.Connection) -> None:
    async with asyncio.timeout(10):
        while not await connection.fetchval(_WAITING):  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(0.01)


async def _opened(operation: dict[str, Any], act: Act, asset: Make) -> str:
    """The id of a timer at an operation that runs now."""
    await act(operation, "start")
    opened = await act(operation, "timers", kind="machine", machine=await asset("machines"))
    return str(opened.json()["timer"]["id"])


@pytest.mark.parametrize(("verb", "is_running"), [("start", False), ("timers", True), ("stop", True), ("hold", True)])
async def test_who_waits_for_an_operation_keeps_nobody_from_its_machine_and_its_timers(
    verb: str, is_running: bool, database: TestDatabase, plan: Plan, act: Act, asset: Make
) -> None:
    """Or two commands that want both would wait for each other, each holding what the other lacks."""
    operation, machine = await plan(), await asset("machines")
    runs = [await _opened(operation, act, asset)] if is_running else []
    path = f"timers/{runs[0]}/stop" if verb == "stop" else verb
    bodies = {
        "start": {"machine": machine},
        "timers": {"kind": "machine", "machine": machine},
        "hold": {"kind": "own", "reason": "broken tool"},
    }
    async with database.connect() as holder, database.connect() as other:
        async with holder.transaction():
            await holder.execute("SELECT FROM operations WHERE order_no = $1 FOR UPDATE", operation["order_no"])
            acting = asyncio.ensure_future(act(operation, path, **bodies.get(verb, {})))
            await somebody_waits(other)
            await other.execute("SELECT FROM machines FOR UPDATE NOWAIT")
            await other.execute("SELECT FROM timers FOR UPDATE NOWAIT")

        assert (await acting).status_code == 200


async def test_of_twenty_parallel_timers_of_one_machine_one_is_opened(
    plan: Plan, act: Act, asset: Make, database: TestDatabase
) -> None:
    operations, machine = [await running(plan, act) for _ in range(20)], await asset("machines")
    replies = await asyncio.gather(*(act(one, "timers", kind="machine", machine=machine) for one in operations))

    assert sorted(reply.status_code for reply in replies) == [200] + [409] * 19
    [winner] = [one for one, reply in zip(operations, replies, strict=True) if reply.status_code == 200]
    refused = [reply.json() for reply in replies if reply.status_code == 409]
    assert {told["code"] for told in refused} == {"timer.elsewhere-already"}
    assert all(_subject(winner) in told["detail"] for told in refused)
    async with database.connect() as connection:
        count = "SELECT count(*) FROM timers t JOIN machines m ON m.no = t.machine_no WHERE m.code = $1"
        assert await connection.fetchval(count, machine) == 1


async def test_the_database_refuses_two_places_whatever_the_code_does(
    plan: Plan, act: Act, asset: Make, database: TestDatabase
) -> None:
    operation, machine = await running(plan, act), await asset("machines")
    await act(operation, "timers", kind="machine", machine=machine)
    again = (
        "INSERT INTO timers SELECT gen_random_uuid(), operation_id, kind, machine_no, employee_no, now(), started_by,"
        " NULL, NULL, now() FROM timers t JOIN machines m ON m.no = t.machine_no WHERE m.code = $1"
    )
    columns = (
        "(id, operation_id, kind, machine_no, employee_no, started_at, started_by, ended_at, ended_by, created_at)"
    )
    async with database.connect() as connection:
        with pytest.raises(asyncpg.ExclusionViolationError):
            await connection.execute(again.replace("timers SELECT", f"timers {columns} SELECT"), machine)
        for forbidden in ("UPDATE timers SET started_at = now()", "DELETE FROM timers"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)


@pytest.mark.parametrize(
    ("verb", "body"),
    [("finish", {}), ("cancel", {"reason": "no order"}), ("hold", {"kind": "own", "reason": "broken tool"})],
)
async def test_where_work_stops_everybody_leaves(
    verb: str, body: dict[str, str], client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make
) -> None:
    here, there, machine = await running(plan, act), await running(plan, act), await asset("machines")
    await act(here, "timers", kind="machine", machine=machine)

    stopped = await act(here, verb, **body)

    assert (stopped.status_code, stopped.json()["version"]) == (200, 5)
    assert [one["ended_at"] is None for one in await timers(client, here)] == [False]
    assert (await act(there, "timers", kind="machine", machine=machine)).status_code == 200


async def test_a_refused_finish_leaves_the_timers_running(
    client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make
) -> None:
    operation, machine = await running(plan, act), await asset("machines")
    await act(operation, "finish")
    assert (await act(operation, "timers", kind="machine", machine=machine)).json()["code"] == "operation.not-running"
    assert (await act(operation, "finish")).status_code == 409
    assert await timers(client, operation) == []


QUALIFIED = {
    "valid": ([{"code": "WELD"}], None),
    "missing": ([{"code": "CRANE"}], "qualification.missing"),
    "expired": ([{"code": "WELD", "valid_until": "2025-01-01T00:00:00Z"}], "qualification.expired"),
    "to come": ([{"code": "WELD", "valid_from": "2095-01-01T00:00:00Z"}], "qualification.not-yet-valid"),
}


@pytest.mark.parametrize("case", QUALIFIED)
async def test_an_operation_is_started_by_who_is_qualified_now(case: str, plan: Plan, act: Act, asset: Make) -> None:
    theirs, code = QUALIFIED[case]
    operation = await plan(qualification="WELD")
    answer = await act(operation, "start", employee=await asset("employees", qualifications=theirs))
    if code is None:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/employee"]
        assert "WELD" in answer.json()["detail"]


async def test_a_start_that_names_nobody_is_refused_where_a_qualification_is_needed(
    database: TestDatabase, plan: Plan, act: Act
) -> None:
    operation = await plan(qualification="WELD")
    async with nothing_written(database, "operations", told="qualification.missing"):
        answer = await act(operation, "start")
    assert (answer.status_code, answer.json()["code"]) == (422, "qualification.missing")


WRONG = {
    "unknown machine": ({"kind": "machine", "machine": "NOBODY"}, 422, "resource.unknown-reference", "/machine"),
    "unknown employee": ({"kind": "labor", "employee": "NOBODY"}, 422, "resource.unknown-reference", "/employee"),
    "no machine": ({"kind": "machine"}, 422, "request.invalid", "/machine"),
    "no employee": ({"kind": "labor"}, 422, "request.invalid", "/employee"),
    "nobody": ({"kind": "setup"}, 422, "request.invalid", "/employee"),
    "kind": ({"kind": "coffee"}, 422, "request.invalid", "/kind"),
    "unknown field": ({"kind": "setup", "who": "me"}, 422, "request.invalid", "/who"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_timer_that_says_too_little_is_refused(case: str, database: TestDatabase, plan: Plan, act: Act) -> None:
    body, status, code, pointer = WRONG[case]
    operation = await running(plan, act)
    async with nothing_written(database, "timers", told=code):
        answer = await act(operation, "timers", **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


async def test_a_stop_with_a_body_that_means_nothing_is_refused_as_such(
    database: TestDatabase, plan: Plan, act: Act, asset: Make
) -> None:
    operation = await running(plan, act)
    opened = await act(operation, "timers", kind="machine", machine=await asset("machines"))

    async with nothing_written(database, "operations", told="request.invalid"):
        refused = await act(operation, f"timers/{opened.json()['timer']['id']}/stop", colour="red")

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/colour")


async def test_a_timer_is_stopped_once_and_is_its_operations_own(plan: Plan, act: Act, asset: Make) -> None:
    here, there, machine = await running(plan, act), await running(plan, act), await asset("machines")
    timer = (await act(here, "timers", kind="machine", machine=machine)).json()["timer"]

    assert (await act(there, f"timers/{timer['id']}/stop")).status_code == 404
    assert (await act(here, f"timers/{new_id()}/stop")).status_code == 404
    assert (await act(here, f"timers/{timer['id']}/stop")).status_code == 200
    again = await act(here, f"timers/{timer['id']}/stop")
    assert (again.status_code, again.json()["code"]) == (409, "timer.ended")


async def test_a_repeated_request_opens_one_timer(client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make) -> None:
    operation, machine, same = await running(plan, act), await asset("machines"), key()
    first, again = [await act(operation, "timers", headers=same, kind="machine", machine=machine) for _ in range(2)]
    assert (first.content, again.headers["idempotent-replayed"]) == (again.content, "true")
    assert len(await timers(client, operation)) == 1


async def test_a_viewer_may_look_but_not_touch(
    anonymous: httpx.AsyncClient, token: Callable[..., str], plan: Plan, act: Act
) -> None:
    operation = await running(plan, act)
    headers = {"authorization": f"Bearer {token(Role.VIEWER)}"} | key()
    refused = await anonymous.post(at(operation, "/timers"), json={"kind": "setup"}, headers=headers)
    shown = await anonymous.get(at(operation, "/timers"), headers=headers)
    assert (refused.status_code, shown.status_code) == (403, 200)


async def test_timers_come_page_by_page(client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make) -> None:
    operation = await running(plan, act)
    for _ in range(3):
        await act(operation, "timers", kind="machine", machine=await asset("machines"))
    first = (await client.get(at(operation, "/timers"), params={"limit": "2"})).json()
    second = (await client.get(at(operation, "/timers"), params={"limit": "2", "cursor": first["page"]["next"]})).json()
    assert first["data"] + second["data"] == await timers(client, operation)
    assert second["page"]["next"] is None


async def archive(client: httpx.AsyncClient, plural: str, code: str, version: int = 1) -> httpx.Response:
    return await client.delete(f"/api/v1/{plural}/{code}", headers={"if-match": f'"{version}"'})


@pytest.mark.parametrize("kind", ["machine", "employee"])
async def test_what_is_at_an_operation_is_not_archived_before_its_timer_is_stopped(
    kind: str, client: httpx.AsyncClient, database: TestDatabase, plan: Plan, act: Act, asset: Make
) -> None:
    operation, code = await running(plan, act), await asset(f"{kind}s")
    timer = (await act(operation, "timers", kind="setup", **{kind: code})).json()["timer"]

    async with nothing_written(database, f"{kind}s", told="resource.in-use"):
        refused = await archive(client, f"{kind}s", code)

    assert (refused.status_code, refused.json()["code"]) == (409, "resource.in-use")
    assert refused.json()["users"] == [f"operations/{_subject(operation)}"]
    await act(operation, f"timers/{timer['id']}/stop")
    assert (await archive(client, f"{kind}s", code)).status_code == 204


async def test_a_workplace_at_which_something_runs_is_not_archived(
    client: httpx.AsyncClient, database: TestDatabase, plan: Plan, act: Act, asset: Make
) -> None:
    place = await asset("workplaces")
    operation = await running(plan, act, workplace=place)
    async with nothing_written(database, "workplaces", told="resource.in-use"):
        refused = await archive(client, "workplaces", place)
    assert (refused.status_code, refused.json()["users"]) == (409, [f"operations/{_subject(operation)}"])
    await act(operation, "finish")
    assert (await archive(client, "workplaces", place)).status_code == 204


async def test_an_archived_operation_lets_everybody_go(
    client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make, published: Any
) -> None:
    operation, there, machine = await running(plan, act), await running(plan, act), await asset("machines")
    await act(operation, "timers", kind="machine", machine=machine)

    assert (await archive(client, "operations", _subject(operation), version=3)).status_code == 204

    assert (await act(there, "timers", kind="machine", machine=machine)).status_code == 200
    [left] = [event for event in await published(OperationTimerClosed) if event.subject == _subject(operation)]
    assert (left.timer.machine, left.state.archived_at is None) == (machine, False)


async def test_of_archiving_a_machine_and_putting_it_to_work_at_once_only_one_succeeds(
    client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make
) -> None:
    operations = [await running(plan, act) for _ in range(3)]
    for _ in range(10):
        machine = await asset("machines")
        archived, *opened = await asyncio.gather(
            archive(client, "machines", machine),
            *(act(one, "timers", kind="machine", machine=machine) for one in operations),
        )
        outcomes = (archived.status_code, sorted(reply.status_code for reply in opened))
        assert outcomes in ((204, [422, 422, 422]), (409, [200, 409, 409])), outcomes


async def test_the_database_archives_nothing_at_which_work_goes_on_whatever_the_code_does(
    plan: Plan, act: Act, asset: Make, database: TestDatabase
) -> None:
    place, machine, employee = [await asset(plural) for plural in ("workplaces", "machines", "employees")]
    operation = await running(plan, act, workplace=place)
    await act(operation, "timers", kind="setup", machine=machine, employee=employee)
    known = (
        ("machines", "code", machine),
        ("employees", "code", employee),
        ("workplaces", "code", place),
        ("operations", "order_no", operation["order_no"]),
    )
    async with database.connect() as connection:
        for table, column, value in known:
            with pytest.raises(asyncpg.CheckViolationError, match="work goes on") as refused:
                await connection.execute(f"UPDATE {table} SET archived_at = now() WHERE {column} = $1", value)
            assert refused.value.constraint_name == f"{table}_nobody_works_there_check"


async def test_the_database_puts_nobody_to_work_who_is_archived(
    client: httpx.AsyncClient, plan: Plan, act: Act, asset: Make, database: TestDatabase
) -> None:
    operation, machine = await running(plan, act), await asset("machines")
    await archive(client, "machines", machine)
    sent = (
        "INSERT INTO timers (id, operation_id, kind, machine_no, started_at, started_by, created_at)"
        " SELECT gen_random_uuid(), o.id, 'machine', m.no, now(), 'somebody', now() FROM operations o, machines m"
        " WHERE o.order_no = $1 AND m.code = $2"
    )
    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="archived"):
            await connection.execute(sent, operation["order_no"], machine)
