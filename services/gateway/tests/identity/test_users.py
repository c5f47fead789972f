"""Users and what they may do, over the wire."""

import asyncio

import httpx
import pytest

from takt_contracts.gateway.identity import UserChanged, UserCreated

pytestmark = pytest.mark.db
NEW = {"username": "op-1", "name": "Operator 01", "password": "a long and dull one 77", "roles": ["OPERATOR"]}


async def version(admin: httpx.AsyncClient, username: str) -> dict[str, str]:
    return {"if-match": (await admin.get(f"/api/v1/users/{username}")).headers["etag"]}


async def test_an_administrator_makes_a_user_who_signs_in_at_once(admin, anonymous, published):
    answer = await admin.post("/api/v1/users", json=NEW)

    assert answer.status_code == 201, answer.text
    assert (answer.headers["etag"], answer.headers["location"]) == ('"1"', "/api/v1/users/op-1")
    assert "password" not in answer.text
    assert (await published(UserCreated))[-1].state.username == "op-1"
    body = {"username": "op-1", "password": NEW["password"]}
    assert (await anonymous.post("/api/v1/auth/login", json=body)).status_code == 200


@pytest.mark.parametrize("role", ["PLANNER", "OPERATOR", "QUALITY", "HEALTH", "DISPATCHER", "VIEWER"])
async def test_nobody_else_sees_or_makes_users(signed_in, role):
    client = await signed_in(f"curious-{role.lower()}", role)

    answers = [
        await client.get("/api/v1/users"),
        await client.get("/api/v1/users/admin"),
        await client.post("/api/v1/users", json={**NEW, "username": f"made-by-{role.lower()}"}),
        await client.patch("/api/v1/users/admin", json={"name": "x"}, headers={"if-match": '"1"'}),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "auth.forbidden")] * 4


async def test_everybody_may_know_themselves_and_the_roles(signed_in):
    client = await signed_in("viewer-1", "VIEWER", "OPERATOR")

    assert (await client.get("/api/v1/me")).json()["roles"] == ["OPERATOR", "VIEWER"]
    assert len((await client.get("/api/v1/roles")).json()["data"]) == 7


@pytest.mark.parametrize(
    "path", ["/api/v1/me", "/api/v1/users", "/api/v1/roles", "/api/v1/activity", "/api/v1/events/stream"]
)
async def test_without_a_token_there_is_nothing_to_see(anonymous, path):
    answer = await anonymous.get(path)

    assert (answer.status_code, answer.json()["code"]) == (401, "auth.unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_user_name_is_given_once_even_when_twenty_want_it(admin):
    body = {**NEW, "username": "wanted"}
    answers = await asyncio.gather(*(admin.post("/api/v1/users", json=body) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"resource.already-exists"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"username": "two words"}, "/username"), ({"username": "a/b"}, "/username"),
        ({"username": "ａｄｍｉｎ"}, "/username"),
        ({"username": "x" * 101}, "/username"), ({"roles": []}, "/roles"), ({"roles": ["KING"]}, "/roles/0"),
        ({"password": "short"}, "/password"), ({"password": "Password123"}, "/password"), ({"name": ""}, "/name"),
        ({"id": "1"}, "/id"), ({"active": False}, "/active"),
        ({"version": 9}, "/version"), ({"password": None}, "/password"),
    ],
)  # fmt: skip
async def test_bad_fields_are_named(admin, change, pointer):
    answer = await admin.post("/api/v1/users", json={**NEW, "username": "never", **change})

    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert (await admin.get("/api/v1/users/never")).status_code == 404


async def test_the_list_is_paged_by_name(admin):
    for number in range(3):
        await admin.post("/api/v1/users", json={**NEW, "username": f"paged-{number}"})
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await admin.get("/api/v1/users", params={"limit": 2, "cursor": cursor})).json()
        names += [user["username"] for user in answer["data"]]
        cursor = answer["page"]["next"]

    assert names == sorted(set(names))
    assert {"admin", "paged-0", "paged-1", "paged-2"} <= set(names)


async def test_a_change_needs_the_version_it_is_based_on(admin, signed_in):
    await signed_in("changing", "VIEWER")

    assert (await admin.patch("/api/v1/users/changing", json={"name": "New"})).status_code == 428
    assert (
        await admin.patch("/api/v1/users/changing", json={"name": "New"}, headers={"if-match": '"9"'})
    ).status_code == 412
    good = await admin.patch("/api/v1/users/changing", json={"name": "New"}, headers=await version(admin, "changing"))
    assert (good.status_code, good.json()["name"], good.headers["etag"]) == (200, "New", '"2"')


async def test_what_is_missing_comes_before_what_is_wrong(admin):
    answer = await admin.patch("/api/v1/users/nobody", json={"roles": ["KING"]}, headers={"if-match": '"1"'})

    assert (answer.status_code, answer.json()["code"]) == (404, "resource.not-found")


@pytest.mark.parametrize(
    "change", [{"active": False}, {"roles": ["VIEWER"]}, {"password": "another long and dull one"}]
)
async def test_what_a_user_lost_is_lost_at_the_door(admin, signed_in, published, change):
    name = f"loser-{next(iter(change))}"
    client = await signed_in(name, "PLANNER", "VIEWER")
    assert (await client.get("/api/v1/me")).status_code == 200

    assert (
        await admin.patch(f"/api/v1/users/{name}", json=change, headers=await version(admin, name))
    ).status_code == 200

    assert (await client.get("/api/v1/me")).status_code == 401
    assert (await published(UserChanged))[-1].state.username == name


async def test_the_last_administrator_stays(admin):
    for change in ({"active": False}, {"roles": ["VIEWER"]}):
        answer = await admin.patch("/api/v1/users/admin", json=change, headers=await version(admin, "admin"))
        assert (answer.status_code, answer.json()["code"]) == (409, "user.last-administrator")
