"""Lists inside a resource: each entry is judged, names its place where it is wrong, and refers to what is there."""

import itertools

import asyncpg
import pytest

from plantkit.testing.watch import nothing_written

pytestmark = pytest.mark.db
numbers = itertools.count(1)
WRONG = {
    "/qualifications/0/valid_until": [
        {"code": "CRANE", "valid_from": "2026-03-02T00:00:00Z", "valid_until": "2026-03-02T00:00:00Z"}
    ],
    "/qualifications/1/code": [{"code": "CRANE"}, {"valid_from": "2026-03-02T00:00:00Z"}],
    "/qualifications/0/level": [{"code": "CRANE", "level": 3}],
    "/qualifications": "CRANE",
}


async def workplaces(client):
    codes = [f"LW-{next(numbers)}", f"LW-{next(numbers)}"]
    for code in codes:
        assert (await client.post("/api/v1/workplaces", json={"code": code, "name": "Cell"})).status_code == 201
    return codes


def item(*steps, **changes):
    routing = [{"operation_no": f"{10 * n:04}", "workplace": code} for n, code in enumerate(steps, 1)]
    return {"code": f"LI-{next(numbers)}", "name": "Shaft", "routing": routing, **changes}


@pytest.mark.parametrize("pointer", WRONG)
async def test_a_wrong_entry_is_named_by_its_place(client, database, imports, pointer):
    body = {"code": f"LE-{next(numbers)}", "name": "Operator 07", "qualifications": WRONG[pointer]}
    async with nothing_written(database, "employees", told="request.invalid"):
        reply = await client.post("/api/v1/employees", json=body)
    assert (reply.status_code, [error["pointer"] for error in reply.json()["errors"]]) == (422, [pointer])
    result = await imports.send("employees", [body])
    assert (result.states, [one.field for one in result.refusals]) == (("rejected",), [pointer.removeprefix("/")])


async def test_a_routing_is_kept_in_its_order_and_told(client, imports):
    one, two = await workplaces(client)
    body = item(two, one, two)
    made = await client.post("/api/v1/items", json=body)
    assert [step["workplace"] for step in made.json()["routing"]] == [two, one, two]
    assert (await client.get(f"/api/v1/items/{body['code']}")).json() == made.json()
    listed = await client.get("/api/v1/items", params={"code": body["code"], "fields": "routing"})
    assert listed.json()["data"] == [{"routing": made.json()["routing"]}]
    again = await imports.send("items", [body])
    assert again.states == ("unchanged",)


async def test_a_number_stands_in_a_routing_once(client):
    [one, _] = await workplaces(client)
    body = item(one, routing=[{"operation_no": "0010", "workplace": one}] * 2)
    [error] = (await client.post("/api/v1/items", json=body)).json()["errors"]
    assert error["pointer"] == "/routing"


async def test_every_unknown_workplace_of_a_routing_is_named(client, database, imports):
    one, _ = await workplaces(client)
    body = item(one, "NOWHERE-1", "NOWHERE-2", "NOWHERE-1")
    async with nothing_written(database, "items", told="resource.unknown-reference"):
        reply = await client.post("/api/v1/items", json=body)
    pointers = [error["pointer"] for error in reply.json()["errors"]]
    assert (reply.status_code, pointers) == (422, ["/routing/1/workplace", "/routing/2/workplace"])

    result = await imports.send("items", [body, item(one)])
    assert result.states == ("rejected", "created")
    assert [one.field for one in result.refusals] == ["routing/1/workplace", "routing/2/workplace"]


async def test_a_workplace_in_a_routing_is_not_archived(client, database):
    one, two = await workplaces(client)
    body = item(one, two)
    await client.post("/api/v1/items", json=body)
    async with nothing_written(database, "workplaces", told="resource.in-use"):
        reply = await client.delete(f"/api/v1/workplaces/{two}", headers={"if-match": '"1"'})
    assert (reply.status_code, reply.json()["users"]) == (409, [f"items/{body['code']}"])
    changed = {"routing": body["routing"][:1]}
    assert (
        await client.patch(f"/api/v1/items/{body['code']}", json=changed, headers={"if-match": '"1"'})
    ).status_code == 200
    assert (await client.delete(f"/api/v1/workplaces/{two}", headers={"if-match": '"1"'})).status_code == 204


async def test_the_database_refuses_a_routing_to_nowhere(client, database):
    [one, _] = await workplaces(client)
    body = item(one)
    await client.post("/api/v1/items", json=body)
    async with database.connect() as connection:
        for wrong, error in (
            ('[{"operation_no": "0010", "workplace": "NOWHERE-1"}]', asyncpg.ForeignKeyViolationError),
            ('{"operation_no": "0010"}', asyncpg.CheckViolationError),
        ):
            with pytest.raises(error):
                await connection.execute("UPDATE items SET routing = $1::jsonb WHERE code = $2", wrong, body["code"])
