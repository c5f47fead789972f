"""One list of what lies aside in all services, and redrive through the front door."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import ConsumerRecord
from starlette.types import Receive, Scope, Send

from plantkit.ids import new_id
from plantkit.messaging.parking import Parking
from plantkit.messaging.records import Poison
from plantkit.testing.database import TestDatabase
from plantkit.testing.serving import serving

pytestmark = pytest.mark.db
PARKED = "/api/v1/parked"
HELD = [str(new_id()), str(new_id())]


def line(id_: str) -> dict[str, Any]:
    return {
        "id": id_, "service": "operations", "group": "operations.g", "topic": "takt.t", "partition": 0, "offset": 1,
        "key": "Sw==", "key_text": "K", "value_bytes": 3, "reason_code": "event.not-json", "reason": "It is none.",
        "state": "parked", "attempts": 1, "next_attempt_at": None, "first_failed_at": "2026-11-21T10:00:00Z",
        "parked_at": "2026-11-21T10:00:00Z",
    }  # fmt: skip


async def operations(scope: Scope, receive: Receive, send: Send) -> None:
    """Holds two records, and tells what it was asked for."""
    path, body = scope["path"].removeprefix(PARKED), (await receive()).get("body", b"")
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    if scope["method"] == "POST":
        status, told = 200, {"service": "operations", "keys": 1, "records": 2, "left": 0}
        ASKED.append((path, json.loads(body), headers))
    elif path:
        known = path[1:] in HELD
        status, told = (200, {**line(path[1:]), "value": "ew==", "headers": []}) if known else (404, {})
    else:
        status, told = 200, {"data": [line(id_) for id_ in HELD], "next": None}
    answer = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": answer})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


ASKED: list[tuple[str, Any, dict[str, str]]] = []


@pytest.fixture(scope="module")
async def owner_url() -> AsyncIterator[str]:
    async with serving(operations) as url:
        yield url


@pytest.fixture(scope="module")
def more_settings(owner_url: str) -> dict[str, object]:
    """Records and imports are away."""
    return {"operations_url": owner_url}


@pytest.fixture
async def own(database: TestDatabase, app: object) -> str:
    """Id of the one record that lies aside in the gateway itself."""
    record = ConsumerRecord("takt.t", 0, 7, 0, 0, b"G", b"{", None, 1, 1, ())
    parking = Parking("gateway.g")
    async with database.connect() as connection:
        await connection.execute("DELETE FROM parked")
        await parking.put(connection, [parking.poisoned(Poison(record, "event.not-json", "It is no JSON."))])
        return str(await connection.fetchval("SELECT id FROM parked"))


async def redriven(admin: Any, body: Any) -> Any:
    return await admin.post(f"{PARKED}/redrive", json=body, headers={"idempotency-key": str(uuid4())})


async def test_the_list_is_merged_and_names_who_did_not_answer(admin, own):
    answer = (await admin.get(PARKED)).json()

    assert [one["id"] for one in answer["data"]] == [*HELD, own]
    assert {one["service"]: one["answered"] for one in answer["services"]} == {
        "gateway": True, "operations": True, "records": False, "imports": False,
    }  # fmt: skip
    one = (await admin.get(PARKED, params={"service": "gateway", "limit": "1"})).json()
    assert ([line["id"] for line in one["data"]], one["page"]["next"]) == ([own], own)
    last = (await admin.get(PARKED, params={"service": "gateway", "cursor": own})).json()
    assert (last["data"], last["page"]["next"]) == ([], None)


async def test_a_record_is_shown_whichever_service_holds_it(admin, own):
    assert (await admin.get(f"{PARKED}/{own}")).json()["value"] == "ew=="
    assert (await admin.get(f"{PARKED}/{HELD[0]}")).json()["service"] == "operations"


async def test_of_a_record_that_may_lie_where_nobody_answers_nothing_is_said(admin, own):
    for answer in (await admin.get(f"{PARKED}/{new_id()}"), await redriven(admin, {"ids": [str(new_id())]})):
        assert (answer.status_code, answer.json()["code"]) == (503, "parked.service-away")
        assert answer.json()["services"] == ["records", "imports"]


async def test_records_are_sent_on_by_the_service_that_holds_them(admin, own, database):
    assert (await redriven(admin, {"ids": [own]})).json() == {"service": "gateway", "keys": 1, "records": 1, "left": 0}
    async with database.connect() as connection:
        assert await connection.fetchval("SELECT state FROM parked") == "retry"
    done = await redriven(admin, {"ids": HELD})

    assert done.json()["service"] == "operations"
    path, body, headers = ASKED[-1]
    assert (path, body) == ("/redrive", {"ids": HELD})
    assert headers["idempotency-key"]
    assert headers["authorization"] == admin.headers["authorization"]
    await redriven(admin, {"filter": {"service": "operations", "group": "operations.g"}})
    assert ASKED[-1][:2] == ("/redrive", {"filter": {"group": "operations.g"}})


async def test_a_service_that_does_not_answer_sends_nothing_on(admin, own):
    answer = await redriven(admin, {"filter": {"service": "imports"}})

    assert (answer.status_code, answer.json()["code"]) == (503, "parked.service-away")


@pytest.mark.parametrize("body", [{}, {"filter": {}}, {"filter": {"service": "moon"}}, {"ids": ["x"]}])
async def test_a_malformed_order_is_refused(admin, own, database, body):
    answer = await redriven(admin, body)

    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    async with database.connect() as connection:
        assert await connection.fetchval("SELECT state FROM parked") == "parked"


async def test_only_administrators_come_in(signed_in, own):
    async with await signed_in("planner-of-parked", "PLANNER") as planner:
        for path in (PARKED, f"{PARKED}/{own}"):
            assert (await planner.get(path)).status_code == 403
        assert (await redriven(planner, {"filter": {"service": "gateway"}})).status_code == 403
