"""Twenty clients at once want what only one can have: one of them gets it, the others are told so."""

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import httpx
import pytest

from takt_contracts.roles import Role
from tests.e2e.evidence import is_problem, refusals
from tests.e2e.plant import API, Plant, code, keyed, planted
from tests.e2e.stack import PASSWORD, Stack

pytestmark = pytest.mark.broker
CLIENTS = 20


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


@pytest.fixture(scope="module")
def admin(stack: Stack) -> dict[str, str]:
    return stack.headers(Role.ADMIN)


async def test_one_key_raced_by_twenty_is_one_report(
    plant: Plant, door: httpx.AsyncClient, tables: asyncpg.Connection
) -> None:
    path, headers = await plant.fresh_operation(), keyed(plant.planner)
    await plant.act("start", path)

    answers = await asyncio.gather(
        *(door.post(f"{path}/report", json={"good": "7"}, headers=headers) for _ in range(CLIENTS))
    )

    for answer in answers:
        if answer.status_code != 200:
            is_problem(answer, 409, "idempotency.in-progress")
    done = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.content for answer in done}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in done) == 1
    assert (await door.get(path, headers=plant.planner)).json()["qty_good"] == "7"


@pytest.mark.parametrize("plural", ["workplaces", "items", "operations", "users"])
async def test_a_key_raced_by_twenty_is_given_once(
    plant: Plant, door: httpx.AsyncClient, admin: dict[str, str], tables: asyncpg.Connection, plural: str
) -> None:
    key = code("race")
    bodies: dict[str, dict[str, Any]] = {
        "workplaces": {"code": key, "name": "x"},
        "items": {"code": key, "name": "x", "unit": "pcs"},
        "operations": {
            "order_no": key,
            "operation_no": "1",
            "workplace": plant.workplace,
            "item": plant.item,
            "qty_desired": "1",
        },
        "users": {"username": key, "name": "x", "password": PASSWORD, "roles": ["VIEWER"]},
    }
    marks = [f"{key}-{number}" for number in range(CLIENTS)]

    answers = await asyncio.gather(
        *(door.post(f"{API}/{plural}", json=bodies[plural], headers={**admin, "x-request-id": mark}) for mark in marks)
    )

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: CLIENTS - 1}
    for answer in answers:
        if answer.status_code == 409:
            is_problem(answer, 409, "resource.already-exists")
            assert key in answer.json()["detail"]
    told = [len(await refusals(tables, mark)) for mark in marks]
    assert sum(told) == CLIENTS - 1
    schema = "gateway" if plural == "users" else "operations"
    beside = ("audit", "work-order")  # the first operation of an order makes it
    facts = f"SELECT count(*) FROM {schema}.outbox WHERE aggregatetype <> ALL($2)"
    query = f"{facts} AND headers ->> 'ce_correlationid' LIKE $1"
    assert await tables.fetchval(query, f"{key}-%", beside) == 1


async def test_one_version_raced_by_twenty_changes_once(plant: Plant, door: httpx.AsyncClient) -> None:
    path = f"{API}/workplaces/{await plant.fresh_workplace()}"
    headers = {**plant.planner, "if-match": '"1"'}

    answers = await asyncio.gather(
        *(door.patch(path, json={"name": f"name {number}"}, headers=headers) for number in range(CLIENTS))
    )

    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: CLIENTS - 1}
    assert (await door.get(path, headers=plant.planner)).json()["version"] == 2


async def test_the_ceiling_holds_against_twenty_reports(plant: Plant, door: httpx.AsyncClient) -> None:
    path = await plant.fresh_operation()
    await plant.act("start", path)

    answers = await asyncio.gather(
        *(door.post(f"{path}/report", json={"good": "30"}, headers=keyed(plant.planner)) for _ in range(CLIENTS))
    )

    assert Counter(answer.status_code for answer in answers) == {200: 3, 409: CLIENTS - 3}
    state = (await door.get(path, headers=plant.planner)).json()
    ledger = (await door.get(f"{path}/ledger", headers=plant.planner)).json()["data"]
    assert (state["qty_good"], [entry["good"] for entry in ledger]) == ("90", ["30"] * 3)
