"""Workshop entries: a resource like the others, with an author and references of several fields."""

from itertools import count

import pytest

from operations.catalog.items import ITEMS
from operations.catalog.machines import MACHINES
from operations.catalog.workplaces import WORKPLACES
from operations.production.planning import OPERATIONS
from operations.workshop.entries import WORKSHOP_ENTRIES
from plantkit.testing.resource_suite import ResourceSuite
from plantkit.testing.watch import nothing_written
from takt_contracts.roles import Role

PROFILE = "0195570a-1b2c-7d3e-8f40-5a6b7c8d9e0f"
PHOTO = "0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"
NUMBERS = count(1)


class TestWorkshopEntries(ResourceSuite):
    resource = WORKSHOP_ENTRIES
    requires = (
        (MACHINES, {"code": "WELD-02", "name": "Welder 2"}),
        (WORKPLACES, {"code": "WP-1", "name": "Cell 1"}),
        (ITEMS, {"code": "IT-1", "name": "Shaft"}),
        (
            OPERATIONS,
            {"order_no": "WO-1", "operation_no": "0010", "workplace": "WP-1", "item": "IT-1", "qty_desired": "5"},
        ),
    )
    valid = {
        "no": "WE-1",
        "machine": "WELD-02",
        "order_no": "WO-1",
        "operation_no": "0010",
        "result": "ok",
        "performed_at": "2026-03-02T06:30:00Z",
        "parameters": [
            {"name": "Current", "value": "182.5", "unit": "A"},
            {"name": "Gas", "value": "M21", "unit": None},
        ],
        "photos": [{"media": PHOTO, "caption": "root pass"}],
    }
    patch = {"result": "rework", "note": "second layer porous", "photos": []}
    invalid = {"machine": " WELD-02", "result": "perhaps", "performed_at": "yesterday", "profile": "none"}


pytestmark = pytest.mark.db


@pytest.fixture
async def body(client):
    """A good entry, and the machine that it names."""
    await client.post("/api/v1/machines", json={"code": "M-1", "name": "Mill"})
    return {"no": f"E-{next(NUMBERS)}", "machine": "M-1"}


async def test_the_author_is_who_creates_it_and_stays(anonymous, signer, body):
    by = {user: signer.headers(Role.OPERATOR, user=user) for user in ("operator-07", "operator-08")}
    made = await anonymous.post("/api/v1/workshop-entries", json=body, headers=by["operator-07"])
    changed = await anonymous.patch(
        f"/api/v1/workshop-entries/{body['no']}",
        json={"note": "seen"},
        headers={**by["operator-08"], "if-match": '"1"'},
    )
    assert (made.status_code, changed.status_code) == (201, 200)
    assert (made.json()["author"], changed.json()["author"]) == ("operator-07", "operator-07")


async def test_nobody_writes_the_author(client, body, database):
    async with nothing_written(database, "workshop_entries", told="request.invalid"):
        reply = await client.post("/api/v1/workshop-entries", json={**body, "author": "somebody"})
    assert [error["pointer"] for error in reply.json()["errors"]] == ["/author"]


async def test_an_imported_entry_is_by_who_sent_the_workbook(client, imports, body):
    await imports.send("workshop-entries", [body], roles=(Role.OPERATOR,))
    found = (await client.get(f"/api/v1/workshop-entries/{body['no']}")).json()
    assert found["author"] == "planner-1"


async def test_an_operation_that_does_not_exist_is_refused_with_both_fields(client, body, database):
    await client.post("/api/v1/work-orders", json={"order_no": "WO-KNOWN"})
    sent = {**body, "order_no": "WO-KNOWN", "operation_no": "0099"}
    async with nothing_written(database, "workshop_entries", told="resource.unknown-reference"):
        reply = await client.post("/api/v1/workshop-entries", json=sent)
    assert reply.status_code == 422
    assert {error["pointer"] for error in reply.json()["errors"]} == {"/order_no", "/operation_no"}


@pytest.mark.parametrize("part", [{"operation_no": "0010"}, {"profile": PROFILE}, {"profile_version": 1}], ids=str)
async def test_half_a_reference_is_refused(client, body, database, part):
    async with nothing_written(database, "workshop_entries", told="request.invalid"):
        reply = await client.post("/api/v1/workshop-entries", json={**body, **part})
    assert reply.status_code == 422


async def test_a_profile_is_kept_with_its_version(client, body):
    reply = await client.post("/api/v1/workshop-entries", json={**body, "profile": PROFILE, "profile_version": 3})
    assert (reply.json()["profile"], reply.json()["profile_version"]) == (PROFILE, 3)


WRONG = {
    "without a value": ([{"name": "Gas"}], "/parameters/0/value"),
    "a text with a unit": ([{"name": "Gas", "value": "M21", "unit": "A"}], "/parameters/0/unit"),
    "too precise": ([{"name": "Current", "value": "0.1234567", "unit": "A"}], "/parameters/0/unit"),
    "no text": ([{"name": "A", "value": "1"}, {"name": "B", "value": True}], "/parameters/1/value"),
    "unknown": ([{"name": "A", "value": "1", "limit": "2"}], "/parameters/0/limit"),
    "twice": ([{"name": "Current", "value": "1"}, {"name": "Current", "value": "2"}], "/parameters"),
}


async def test_a_number_may_be_sent_as_one(client, body):
    sent = [{"name": "Current", "value": 182.5, "unit": "A"}, {"name": "Layers", "value": 3}]
    reply = await client.post("/api/v1/workshop-entries", json={**body, "parameters": sent})
    assert [one["value"] for one in reply.json()["parameters"]] == ["182.5", "3"]


@pytest.mark.parametrize("case", WRONG)
async def test_a_parameter_that_is_not_whole_is_refused_at_its_place(client, body, database, case):
    parameters, pointer = WRONG[case]
    async with nothing_written(database, "workshop_entries", told="request.invalid"):
        reply = await client.post("/api/v1/workshop-entries", json={**body, "parameters": parameters})
    assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]
