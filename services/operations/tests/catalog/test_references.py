"""Who refers to whom: nothing new refers to what is archived, also when both happen at once."""

import asyncio
import itertools

import pytest

from plantkit.testing.watch import nothing_written

pytestmark = pytest.mark.db
numbers = itertools.count(1)


@pytest.fixture
async def workplace(client):
    """A workplace that nothing stands at yet."""
    code = f"WP-{next(numbers)}"
    assert (await client.post("/api/v1/workplaces", json={"code": code, "name": "Cell"})).status_code == 201
    return code


async def add_machine(client, workplace, code=None):
    body = {"code": code or f"M-{next(numbers)}", "name": "Mill", "workplace": workplace}
    return await client.post("/api/v1/machines", json=body)


async def archive(client, path, version=1):
    return await client.delete(f"/api/v1/{path}", headers={"if-match": f'"{version}"'})


async def restore(client, path):
    return await client.post(f"/api/v1/{path}/restore", headers={"idempotency-key": f"refer-{next(numbers)}"})


def refusal(reply):
    return reply.status_code, reply.json()["code"]


async def test_a_new_machine_cannot_stand_at_an_archived_workplace(client, workplace, database):
    await archive(client, f"workplaces/{workplace}")
    async with nothing_written(database, "machines", told="resource.unknown-reference"):
        reply = await add_machine(client, workplace)
    assert refusal(reply) == (422, "resource.unknown-reference")
    assert reply.json()["errors"][0]["pointer"] == "/workplace"


async def test_a_machine_cannot_move_to_a_workplace_that_does_not_exist(client, workplace, database):
    code = (await add_machine(client, workplace)).json()["code"]
    async with nothing_written(database, "machines", told="resource.unknown-reference"):
        reply = await client.patch(
            f"/api/v1/machines/{code}", json={"workplace": "NOWHERE"}, headers={"if-match": '"1"'}
        )
    assert refusal(reply) == (422, "resource.unknown-reference")


async def test_an_archived_machine_does_not_hold_its_workplace(client, workplace):
    code = (await add_machine(client, workplace)).json()["code"]
    await archive(client, f"machines/{code}")
    assert (await archive(client, f"workplaces/{workplace}")).status_code == 204


async def test_a_machine_is_not_restored_before_its_workplace(client, workplace, database):
    code = (await add_machine(client, workplace)).json()["code"]
    await archive(client, f"machines/{code}")
    await archive(client, f"workplaces/{workplace}")

    async with nothing_written(database, "machines", told="resource.unknown-reference"):
        assert refusal(await restore(client, f"machines/{code}")) == (422, "resource.unknown-reference")
    assert (await restore(client, f"workplaces/{workplace}")).status_code == 200
    assert (await restore(client, f"machines/{code}")).status_code == 200


async def test_up_to_ten_users_are_named(client, workplace):
    codes = [(await add_machine(client, workplace)).json()["code"] for _ in range(12)]
    reply = await archive(client, f"workplaces/{workplace}")
    assert refusal(reply) == (409, "resource.in-use")
    assert reply.json()["users"] == [f"machines/{code}" for code in sorted(codes)[:10]]


async def test_of_archiving_and_referring_at_once_only_one_succeeds(client):
    for _ in range(10):
        code = f"WP-{next(numbers)}"
        await client.post("/api/v1/workplaces", json={"code": code, "name": "Cell"})
        archived, *added = await asyncio.gather(
            archive(client, f"workplaces/{code}"), *(add_machine(client, code) for _ in range(3))
        )
        outcomes = (archived.status_code, {reply.status_code for reply in added})
        assert outcomes in ((204, {422}), (409, {201})), outcomes
