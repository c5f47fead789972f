"""What the shop floor does to an operation, over HTTP, as the log tells it."""

import asyncio
from decimal import Decimal
from typing import Any

import asyncpg
import httpx
import pytest

from plantkit.testing.database import TestDatabase
from takt_contracts.operations.production import (
    OperationCancelled,
    OperationCreated,
    OperationFinished,
    OperationHeld,
    OperationReported,
    OperationResumed,
    OperationStarted,
    OperationUpdated,
)
from takt_contracts.roles import Role

from .conftest import Act, Plan, at, key

INSERT_A_SECOND_BOOKING = """
INSERT INTO ledger_entries
    (id, operation_id, entry_no, kind, good, scrap, rework, good_total, scrap_total, rework_total, booked_by,
     created_at)
SELECT gen_random_uuid(), operation_id, entry_no + 1, kind, good, 0, 0, good_total + good, scrap_total, rework_total,
       booked_by, created_at
FROM ledger_entries ORDER BY entry_no DESC LIMIT 1
"""

ENTRY_AND_QUANTITIES_THAT_DO_NOT_ADD_UP = """
WITH o AS (
    UPDATE operations SET entries = entries + 1, qty_good = qty_good + 2, qty_processed = qty_processed + 2
    WHERE entries = 1 RETURNING id, entries, qty_good, qty_scrap, qty_rework
)
INSERT INTO ledger_entries
    (id, operation_id, entry_no, kind, good, scrap, rework, good_total, scrap_total, rework_total, booked_by,
     created_at)
SELECT gen_random_uuid(), id, entries, 'report', 1, 0, 0, qty_good, qty_scrap, qty_rework, 'nobody', now() FROM o
"""


def quantities(answer: httpx.Response) -> tuple[str, str, str, str]:
    state = answer.json()
    return state["qty_processed"], state["qty_good"], state["qty_scrap"], state["qty_rework"]


async def about(operation: dict[str, Any], events: list[Any]) -> list[Any]:
    return [event for event in events if event.state.order_no == operation["order_no"]]


async def test_a_planned_operation_is_released_and_told(plan: Plan, published: Any) -> None:
    operation = await plan(due="2026-03-02T06:30:00Z")

    assert (operation["status"], operation["version"], operation["qty_processed"]) == ("RELEASED", 1, "0")
    [event] = await about(operation, await published(OperationCreated))
    assert (event.version, event.subject) == (1, f"{operation['order_no']}/0010")
    assert event.state.qty_desired == 100


async def test_a_day_on_the_shop_floor(plan: Plan, act: Act, published: Any) -> None:
    operation = await plan()

    answers = [
        await act(operation, "start"),
        await act(operation, "report", good="40", scrap="2", reason="porosity"),
        await act(operation, "hold", kind="external", reason="no material"),
        await act(operation, "resume"),
        await act(operation, "report", good=58, rework="1.5"),
        await act(operation, "finish"),
    ]

    assert [answer.status_code for answer in answers] == [200] * 6, [answer.text for answer in answers]
    assert [answer.json()["version"] for answer in answers] == [2, 3, 4, 5, 6, 7]
    assert [answer.headers["etag"] for answer in answers] == [f'"{n}"' for n in range(2, 8)]
    assert answers[2].json()["hold"] == {"kind": "external", "reason": "no material"}
    assert answers[3].json()["hold"] is None
    assert quantities(answers[5]) == ("100", "98", "2", "1.5")
    assert answers[5].json()["status"] == "FINISHED"
    told = [
        [event.version for event in await about(operation, await published(fact))]
        for fact in (
            OperationCreated,
            OperationStarted,
            OperationReported,
            OperationHeld,
            OperationResumed,
            OperationFinished,
        )
    ]
    assert told == [[1], [2], [3, 6], [4], [5], [7]]


async def test_a_report_carries_its_entry_and_the_full_state(started: dict[str, Any], act: Act, published: Any) -> None:
    await act(started, "report", good="95", scrap="5", reason="porosity")

    [event] = await about(started, await published(OperationReported))
    assert (event.state.qty_good, event.state.qty_scrap, event.version) == (95, 5, started["version"] + 1)
    assert (event.entry.good, event.entry.scrap, event.entry.reason) == (95, 5, "porosity")


async def test_the_ledger_lists_what_was_booked(started: dict[str, Any], act: Act, client: httpx.AsyncClient) -> None:
    for good in ("1", "2", "3.5"):
        await act(started, "report", good=good)

    first = (await client.get(at(started, "/ledger?limit=2"))).json()
    second = (await client.get(at(started, f"/ledger?limit=2&cursor={first['page']['next']}"))).json()

    assert [entry["good"] for entry in first["data"] + second["data"]] == ["1", "2", "3.5"]
    assert second["page"]["next"] is None
    assert {entry["kind"] for entry in first["data"]} == {"report"}


async def test_its_events_are_readable_as_they_were_told(started: dict[str, Any], client: httpx.AsyncClient) -> None:
    page = (await client.get(at(started, "/events"))).json()

    assert [event["type"] for event in page["data"]] == [
        "takt.operations.operation.created.v1",
        "takt.operations.operation.started.v1",
    ]
    assert [event["sequence"] for event in page["data"]] == ["000000000001", "000000000002"]
    assert page["data"][1]["data"]["state"]["status"] == "IN_PROGRESS"


async def test_events_are_readable_by_workplace_and_shift(plan: Plan, act: Act, client: httpx.AsyncClient) -> None:
    operation = await plan(workplace="WP-2")
    started = (await act(operation, "start")).json()
    hour, day = int(started["updated_at"][11:13]), started["updated_at"][:10]
    running = {True: 1, False: 2}[hour < 14] if 6 <= hour < 22 else 3

    async def types(query: str) -> list[str]:
        answer = await client.get(f"/api/v1/workplaces/WP-2/events?{query}")
        assert answer.status_code == 200, answer.text
        return [event["type"].split(".")[3] for event in answer.json()["data"]]

    assert await types("") == ["created", "started"]
    assert await types("from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z") == []
    if hour >= 6:
        assert await types(f"shift={day}/{running}") == ["created", "started"]
    assert await types("shift=2020-01-01/1") == []
    pages = await client.get("/api/v1/workplaces/WP-2/events?limit=1")
    rest = await types(f"limit=1&cursor={pages.json()['page']['next']}")
    assert rest == ["started"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("shift=2026-03-02/9", "query.bad-value"),
        ("shift=2026-13-02/1", "query.bad-value"),
        ("shift=tomorrow", "request.malformed"),
        ("shift=2026-03-02/1&from=2026-03-02T00:00:00Z", "query.bad-value"),
        ("cursor=abc", "query.bad-cursor"),
        ("limit=0", "request.malformed"),
        ("colour=red", "query.unknown-name"),
    ],
)
async def test_an_odd_question_about_events_is_refused(
    client: httpx.AsyncClient, plant: None, query: str, code: str
) -> None:
    answer = await client.get(f"/api/v1/workplaces/WP-1/events?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, code)


@pytest.mark.parametrize(
    ("verbs", "verb", "body", "status", "code"),
    [
        ([], "finish", {}, 409, "operation.illegal-transition"),
        ([], "report", {"good": "1"}, 409, "operation.illegal-transition"),
        (["start"], "start", {}, 409, "operation.illegal-transition"),
        (["start", "finish"], "cancel", {"reason": "late"}, 409, "operation.illegal-transition"),
        (["start", "finish"], "report", {"good": "1"}, 409, "operation.illegal-transition"),
        (["start"], "report", {"good": "100.000001"}, 409, "operation.over-desired"),
        (["start"], "resume", {}, 409, "operation.not-on-hold"),
        (["start"], "report", {}, 422, "request.invalid"),
        (["start"], "report", {"good": "-1"}, 422, "request.invalid"),
        (["start"], "report", {"good": "0.0000001"}, 422, "request.invalid"),
        (["start"], "report", {"scrap": "1"}, 422, "request.invalid"),
        (["start"], "report", {"good": True}, 422, "request.invalid"),
        (["start"], "report", {"good": "1", "colour": "red"}, 422, "request.invalid"),
        (["start"], "hold", {"kind": "bored", "reason": "x"}, 422, "request.invalid"),
        (["start"], "cancel", {}, 422, "request.invalid"),
        (["start"], "finish", {"good": 1}, 422, "request.invalid"),
    ],
)
async def test_a_refused_action_changes_nothing_and_is_audited(
    plan: Plan,
    act: Act,
    client: httpx.AsyncClient,
    published: Any,
    audited: Any,
    verbs: Any,
    verb: Any,
    body: Any,
    status: Any,
    code: Any,
) -> None:
    operation = await plan()
    for earlier in verbs:
        assert (await act(operation, earlier)).status_code == 200
    before = (await client.get(at(operation))).json()
    entries = len(await audited())

    answer = await act(operation, verb, **body)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get(at(operation))).json() == before
    [refusal] = (await audited())[entries:]
    assert (refusal["outcome"], refusal["code"]) == ("refused", code)
    assert refusal["action"] == f"POST {at(operation, '/' + verb)}"


async def test_on_hold_nothing_is_started_reported_or_finished(started: dict[str, Any], act: Act) -> None:
    await act(started, "hold", kind="own", reason="broken tool")

    refused = [
        await act(started, "report", good="1"),
        await act(started, "finish"),
        await act(started, "hold", kind="own", reason="again"),
    ]

    assert [answer.json()["code"] for answer in refused] == ["operation.on-hold"] * 3
    assert (await act(started, "cancel", reason="no demand")).json()["hold"] is None


async def test_an_unknown_operation_is_not_found_before_its_body_is_judged(
    client: httpx.AsyncClient, plant: None
) -> None:
    for body in ({}, {"nonsense": 1}):
        answer = await client.post("/api/v1/operations/WO-none/0010/start", json=body, headers=key())
        assert (answer.status_code, answer.json()["code"]) == (404, "resource.not-found")


async def test_a_verb_needs_a_key(started: dict[str, Any], client: httpx.AsyncClient) -> None:
    answer = await client.post(at(started, "/finish"), json={})

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.key-missing")


async def test_the_same_key_books_once_and_answers_alike(started: dict[str, Any], act: Act, published: Any) -> None:
    once = key()

    first = await act(started, "report", headers=once, good="5")
    again = await act(started, "report", headers=once, good="5")
    other = await act(started, "report", headers=once, good="6")

    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    assert "idempotent-replayed" not in first.headers
    assert (other.status_code, other.json()["code"]) == (422, "idempotency.key-reused")
    assert len(await about(started, await published(OperationReported))) == 1


async def test_a_key_is_replayed_after_the_state_moved_on(started: dict[str, Any], act: Act) -> None:
    once = key()
    first = await act(started, "finish", headers=once)

    again = await act(started, "finish", headers=once)

    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)


async def test_twenty_at_once_with_one_key_book_once(started: dict[str, Any], act: Act, published: Any) -> None:
    once = key()

    answers = await asyncio.gather(*(act(started, "report", headers=once, good="1") for _ in range(20)))

    codes = {answer.status_code for answer in answers}
    assert 200 in codes
    assert codes <= {200, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"idempotency.in-progress"}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert len(await about(started, await published(OperationReported))) == 1


async def test_one_of_twenty_parallel_starts_wins(plan: Plan, act: Act, published: Any) -> None:
    operation = await plan()

    answers = await asyncio.gather(*(act(operation, "start") for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert len(await about(operation, await published(OperationStarted))) == 1


async def test_the_ledger_holds_under_twenty_reporters(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(*(act(started, "report", good="7") for _ in range(20)))

    booked = [answer for answer in answers if answer.status_code == 200]
    assert len(booked) == 14, "14 x 7 = 98 fit into 100"
    assert {answer.json()["code"] for answer in answers if answer.status_code != 200} == {"operation.over-desired"}
    ledger = (await client.get(at(started, "/ledger"))).json()["data"]
    assert sum(Decimal(entry["good"]) for entry in ledger) == 98
    assert (await client.get(at(started))).json()["qty_good"] == "98"


async def test_a_finished_operation_keeps_its_plan(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient
) -> None:
    done = (await act(started, "finish")).json()

    answer = await client.patch(at(started), json={"qty_desired": "7"}, headers={"if-match": f'"{done["version"]}"'})

    assert (answer.status_code, answer.json()["code"]) == (409, "operation.final")


async def test_the_desired_quantity_follows_what_is_processed(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient, published: Any
) -> None:
    reported = (await act(started, "report", good="60")).json()
    match = {"if-match": f'"{reported["version"]}"'}

    refused = await client.patch(at(started), json={"qty_desired": "59"}, headers=match)
    taken = await client.patch(at(started), json={"qty_desired": "60"}, headers=match)

    assert (refused.status_code, refused.json()["code"]) == (422, "operation.desired-below-processed")
    assert refused.json()["errors"][0]["pointer"] == "/qty_desired"
    assert (taken.status_code, taken.json()["qty_desired"]) == (200, "60")
    [event] = await about(started, await published(OperationUpdated))
    assert event.version == reported["version"] + 1


async def test_cancelling_needs_a_planner_and_a_reason(
    started: dict[str, Any], act: Act, token: Any, published: Any
) -> None:
    operator = {"authorization": f"Bearer {token(Role.OPERATOR)}"}
    planner = {"authorization": f"Bearer {token(Role.PLANNER)}"}

    refused = await act(started, "cancel", headers=operator, reason="late")
    done = await act(started, "cancel", headers=planner, reason="late")

    assert (refused.status_code, refused.json()["code"]) == (403, "auth.forbidden")
    assert (done.status_code, done.json()["status"]) == (200, "CANCELLED")
    [event] = await about(started, await published(OperationCancelled))
    assert event.reason == "late"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET good = good + 1",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
    ],
)
async def test_the_service_itself_cannot_rewrite_the_ledger(
    started: dict[str, Any], act: Act, database: TestDatabase, statement: str
) -> None:
    await act(started, "report", good="1")

    async with database.connect("app") as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE operations SET qty_good = qty_good + 1, qty_processed = qty_processed + 1",
        "UPDATE operations SET qty_processed = 101, qty_good = 101",
        "UPDATE operations SET qty_good = -1, qty_processed = -1",
        "UPDATE operations SET status = 'PAUSED'",
        "UPDATE operations SET hold_kind = 'own'",
        "UPDATE operations SET entries = entries + 1",
        "UPDATE operations SET planned_start = now(), planned_end = now() - interval '1 h'",
        "UPDATE operations SET workplace = 'nowhere'",
        INSERT_A_SECOND_BOOKING,
        ENTRY_AND_QUANTITIES_THAT_DO_NOT_ADD_UP,
    ],
)
async def test_the_database_refuses_what_no_rule_allows(
    started: dict[str, Any], act: Act, database: TestDatabase, statement: str
) -> None:
    await act(started, "report", good="1")

    async with database.connect("app") as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(statement)
