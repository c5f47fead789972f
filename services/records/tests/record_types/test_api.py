"""Record types over HTTP: who registers them, what may change, which schemas stay readable."""

from typing import Any

import asyncpg
import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from services.records.tests.stage import SCHEMA, TYPES, Ask, Json, Make, codes
from takt_contracts.records.record_types import RecordTypeCreated, RecordTypeUpdated
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
WIDER = {**SCHEMA, "properties": {**SCHEMA["properties"], "colour": {"type": "string"}}}


def body(**fields: Any) -> Json:
    return {"name": "fresh", "title": "Fresh", "content_schema": SCHEMA, "creators": ["QUALITY"], **fields}


async def test_an_administrator_registers_a_type_and_everyone_reads_it(ask: Ask, new_type: Make, published: Any):
    made = await new_type(title="Inspection of shafts", creators=["QUALITY", "OPERATOR"])

    read = await ask("GET", f"{TYPES}/{made['name']}", Role.VIEWER)
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, made, '"1"')
    assert (made["schema_version"], made["access_class"], made["reason_required"]) == (1, "general", False)
    assert made["content_schema"] == SCHEMA
    [event] = [one for one in await published(RecordTypeCreated) if one.state.name == made["name"]]
    assert (event.version, event.state.creators) == (1, (Role.OPERATOR, Role.QUALITY))
    same = await ask("GET", f"{TYPES}/{made['name']}", Role.VIEWER, headers={"if-none-match": '"1"'})
    assert same.status_code == 304


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
async def test_nobody_else_registers_or_changes_one(
    ask: Ask, new_type: Make, database: TestDatabase, role: Role
) -> None:
    made = await new_type()

    async with nothing_written(database, "record_types", told="auth.forbidden"):
        assert (await ask("POST", TYPES, role, json=body())).status_code == 403
    async with nothing_written(database, "record_types", told="auth.forbidden"):
        path = f"{TYPES}/{made['name']}"
        assert (await ask("PATCH", path, role, base=1, json={"title": "Mine"})).status_code == 403


async def test_a_wider_schema_is_a_new_one_and_the_old_one_stays(ask: Ask, new_type: Make, published: Any) -> None:
    name = (await new_type())["name"]

    changed = await ask("PATCH", f"{TYPES}/{name}", Role.ADMIN, base=1, json={"content_schema": WIDER})

    assert (changed.status_code, changed.json()["schema_version"], changed.headers["etag"]) == (200, 2, '"2"')
    schemas = [await ask("GET", f"{TYPES}/{name}/schemas/{n}", Role.VIEWER) for n in (1, 2)]
    assert [one.json()["content_schema"] for one in schemas] == [SCHEMA, WIDER]
    assert [one.json()["schema_version"] for one in schemas] == [1, 2]
    [event] = [one for one in await published(RecordTypeUpdated) if one.state.name == name]
    assert (event.version, event.state.schema_version) == (2, 2)


async def test_another_title_is_no_new_schema_and_the_same_again_is_silence(
    ask: Ask, new_type: Make, published: Any
) -> None:
    name = (await new_type())["name"]
    path = f"{TYPES}/{name}"

    titled = await ask("PATCH", path, Role.ADMIN, base=1, json={"title": "Other", "name": name})
    again = await ask("PATCH", path, Role.ADMIN, base=2, json={"title": "Other", "content_schema": SCHEMA})

    assert [titled.json()["version"], titled.json()["schema_version"]] == [2, 1]
    assert (again.status_code, again.json()["version"]) == (200, 2)
    assert len([one for one in await published(RecordTypeUpdated) if one.state.name == name]) == 1


REFUSED: list[tuple[Json, int, str, list[tuple[str, str]]]] = [
    (
        {"content_schema": {**SCHEMA, "required": ["result", "on"]}},
        409,
        "record-type.schema-incompatible",
        [("/content_schema/required", "field.narrower")],
    ),
    (
        {"content_schema": {"type": "array"}},
        422,
        "record-type.schema-refused",
        [("/content_schema/type", "field.value")],
    ),
    ({"content_schema": []}, 422, "request.invalid", [("/content_schema", "field.type")]),
    ({"access_class": "health"}, 422, "record-type.access-class-fixed", [("/access_class", "field.immutable")]),
    ({"name": "other"}, 422, "resource.key-immutable", [("/name", "field.immutable")]),
    ({"creators": []}, 422, "request.invalid", [("/creators", "field.range")]),
    ({"creators": ["BOSS"]}, 422, "request.invalid", [("/creators", "field.range"), ("/creators/0", "field.value")]),
    ({"colour": "red"}, 422, "request.invalid", [("/colour", "field.unknown")]),
    ({"title": None}, 422, "request.invalid", [("/title", "field.type")]),
]


@pytest.mark.parametrize(("patch", "status", "code", "errors"), REFUSED, ids=[str(n) for n in range(len(REFUSED))])
async def test_a_refused_change_leaves_the_type_as_it_is(
    ask: Ask, new_type: Make, database: TestDatabase, patch: Json, status: int, code: str, errors: Any
) -> None:
    path = f"{TYPES}/{(await new_type())['name']}"

    async with nothing_written(database, "record_types", told=code):
        answer = await ask("PATCH", path, Role.ADMIN, base=1, json=patch)

    assert (answer.status_code, answer.json()["code"], codes(answer)) == (status, code, errors)


async def test_a_change_names_what_it_is_based_on(ask: Ask, new_type: Make, database: TestDatabase) -> None:
    path = f"{TYPES}/{(await new_type())['name']}"

    for base, status, code in ((None, 428, "resource.precondition-required"), (7, 412, "resource.stale")):
        for patch in ({"title": "Other"}, {"colour": "red"}):
            async with nothing_written(database, "record_types", told=code):
                assert (await ask("PATCH", path, Role.ADMIN, base=base, json=patch)).status_code == status
    answer = await ask("PATCH", path, Role.ADMIN, headers={"if-match": "*"}, json={"title": "Other"})
    assert answer.status_code == 400
    assert (await ask("PATCH", f"{TYPES}/nobody", Role.ADMIN, base=1, json={"colour": 1})).status_code == 404


@pytest.mark.parametrize("path", ["nobody", "nobody/schemas/1", "{name}/schemas/2", "{name}/schemas/99999999999"])
async def test_what_is_not_there_is_not_found(ask: Ask, new_type: Make, path: str) -> None:
    name = (await new_type())["name"]

    assert (await ask("GET", f"{TYPES}/{path.format(name=name)}", Role.VIEWER)).status_code == 404


async def test_a_name_is_given_once(ask: Ask, new_type: Make, database: TestDatabase) -> None:
    name = (await new_type())["name"]

    async with nothing_written(database, "record_types", told="resource.already-exists"):
        answer = await ask("POST", TYPES, Role.ADMIN, json=body(name=name))

    assert (answer.status_code, codes(answer)) == (409, [("/name", "field.taken")])


async def test_a_health_type_is_created_by_those_who_read_it(ask: Ask, database: TestDatabase) -> None:
    async with nothing_written(database, "record_types", told="record-type.creators-cannot-read"):
        given = body(access_class="health", creators=["HEALTH", "QUALITY"])
        answer = await ask("POST", TYPES, Role.ADMIN, json=given)

    assert (answer.status_code, codes(answer)) == (422, [("/creators", "field.rule")])


async def test_types_are_listed_like_anything_else(ask: Ask, new_type: Make) -> None:
    names = sorted([(await new_type(title="Findable"))["name"] for _ in range(3)])

    found = await ask("GET", f"{TYPES}?q=findable&sort=name&limit=2&total=true&fields=name,creators", Role.VIEWER)
    rest = await ask("GET", f"{TYPES}?q=findable&sort=name&cursor={found.json()['page']['next']}", Role.VIEWER)

    assert found.json()["page"]["total"] == 3
    assert found.json()["data"][0] == {"name": names[0], "creators": ["QUALITY"]}
    assert [one["name"] for one in found.json()["data"] + rest.json()["data"]] == names
    assert (await ask("GET", f"{TYPES}?archived=true", Role.VIEWER)).status_code == 400


async def test_the_service_cannot_take_a_schema_back(new_type: Make, database: TestDatabase) -> None:
    await new_type()

    async with database.connect() as connection:
        for statement in (
            "UPDATE record_schemas SET schema_text = '{}'",
            "DELETE FROM record_schemas",
            "TRUNCATE record_schemas",
            "DELETE FROM record_types",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        for statement in (
            "UPDATE record_types SET schema_text = '{}'",
            "UPDATE record_types SET access_class = 'health'",
            "UPDATE record_types SET schema_version = schema_version + 1",
        ):
            with pytest.raises(asyncpg.CheckViolationError, match="does not keep its schemas"):
                await connection.execute(statement)
