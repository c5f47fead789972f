"""Lifecycle, business key, retention: what may follow what, what is there once, what stays how long."""

import asyncio

import asyncpg
import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from services.records.tests.stage import RECORDS, Ask, Json, Make, at, codes
from takt_contracts.records.records import LIFECYCLE, Lifecycle
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
MOVES = [(now, then) for now in Lifecycle for then in Lifecycle]
NUMBERED: Json = {
    "type": "object",
    "properties": {"no": {"type": "string"}, "result": {"enum": ["pass", "fail"]}},
    "required": ["no", "result"],
    "additionalProperties": False,
}


@pytest.fixture
async def numbered(new_type: Make) -> Json:
    return await new_type(content_schema=NUMBERED, business_key=["no"])


@pytest.mark.parametrize(("now", "then"), MOVES)
async def test_a_record_moves_as_the_table_says(
    ask: Ask, new_record: Make, database: TestDatabase, now: Lifecycle, then: Lifecycle
) -> None:
    record = await new_record(lifecycle="draft")
    if now is not Lifecycle.DRAFT:
        assert (await ask("PATCH", at(record), base=1, json={"lifecycle": now})).json()["lifecycle"] == now
    base = 1 if now is Lifecycle.DRAFT else 2
    body = {"lifecycle": then, "content": {"result": "fail"}}

    if then in LIFECYCLE[now]:
        moved = await ask("PATCH", at(record), base=base, json=body)
        assert (moved.status_code, moved.json()["lifecycle"]) == (200, then)
        assert (await ask("GET", f"{at(record)}/history/{base + 1}", Role.VIEWER)).json()["lifecycle"] == then
    else:
        async with nothing_written(database, "record_versions", told="record.illegal-transition"):
            refused = await ask("PATCH", at(record), base=base, json=body)
        assert (refused.status_code, refused.json()["allowed"]) == (409, sorted(LIFECYCLE[now]))


async def test_the_database_keeps_to_the_table_too(new_record: Make, database: TestDatabase) -> None:
    record = await new_record()
    statement = """
        INSERT INTO record_versions
            (id, record_id, version, kind, schema_version, refers_to, lifecycle, canonical, digest, salt, written_by,
             created_at)
        SELECT gen_random_uuid(), record_id, 2, 'revised', schema_version, refers_to, $2, canonical, digest, salt,
               written_by, now()
        FROM record_versions WHERE record_id = $1
    """
    async with database.connect() as connection:
        for lifecycle in ("draft", "nonsense"):
            with pytest.raises(asyncpg.CheckViolationError, match="does not continue"):
                await connection.execute(statement, record["id"], lifecycle)


async def test_nothing_begins_in_error(ask: Ask, new_type: Make, database: TestDatabase) -> None:
    body = {"record_type": (await new_type())["name"], "content": {"result": "pass"}, "lifecycle": "entered-in-error"}

    async with nothing_written(database, "record_versions", told="record.illegal-transition"):
        assert (await ask("POST", RECORDS, Role.QUALITY, json=body)).status_code == 409


async def test_a_replacement_keeps_the_lifecycle_that_it_does_not_name(ask: Ask, new_record: Make) -> None:
    record = await new_record(lifecycle="draft")

    put = await ask("PUT", at(record), base=1, json={"content": {"result": "fail"}})

    assert (put.json()["lifecycle"], put.json()["version"]) == ("draft", 2)
    listed = (await ask("GET", f"{RECORDS}?lifecycle=draft&record_type={record['record_type']}", Role.VIEWER)).json()
    assert [one["id"] for one in listed["data"]] == [record["id"]]


async def test_a_business_key_is_there_once(ask: Ask, numbered: Json, database: TestDatabase) -> None:
    body = {"record_type": numbered["name"], "content": {"no": "I-1", "result": "pass"}}
    made = await ask("POST", RECORDS, Role.QUALITY, json=body)
    again = {**body, "content": {"no": "I-1", "result": "fail"}}

    async with nothing_written(database, "record_versions", told="record.key-taken"):
        refused = await ask("POST", RECORDS, Role.QUALITY, json=again)
    async with nothing_written(database, "record_versions"):
        returned = await ask("POST", f"{RECORDS}?on_duplicate=return", Role.QUALITY, json=again)

    assert (refused.status_code, refused.json()["record"]) == (409, at(made.json()))
    assert "I-1" not in refused.json()["detail"], "the server's log would repeat what a health record says"
    assert (returned.status_code, returned.headers["etag"], returned.json()) == (200, '"1"', made.json())
    other = {**body, "content": {"no": "I-2", "result": "pass"}}
    assert (await ask("POST", f"{RECORDS}?on_duplicate=return", Role.QUALITY, json=other)).status_code == 201


async def test_of_many_creations_with_one_key_one_is_made(ask: Ask, numbered: Json) -> None:
    body = {"record_type": numbered["name"], "content": {"no": "I-9", "result": "pass"}}

    answers = await asyncio.gather(
        *(ask("POST", f"{RECORDS}?on_duplicate=return", Role.QUALITY, json=body) for _ in range(12))
    )

    assert sorted(answer.status_code for answer in answers) == [200] * 11 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_business_key_never_changes_and_is_free_after_a_deletion(
    ask: Ask, numbered: Json, database: TestDatabase
) -> None:
    body = {"record_type": numbered["name"], "content": {"no": "I-1", "result": "pass"}}
    made = (await ask("POST", RECORDS, Role.QUALITY, json=body)).json()

    async with nothing_written(database, "record_versions", told="resource.key-immutable"):
        moved = await ask("PATCH", at(made), base=1, json={"content": {"no": "I-2"}})
    assert (moved.status_code, codes(moved)) == (422, [("/content/no", "field.immutable")])
    assert (await ask("DELETE", at(made), base=1)).status_code == 204
    assert (await ask("POST", RECORDS, Role.QUALITY, json=body)).status_code == 201


async def test_a_record_is_kept_as_long_as_its_type_says(
    ask: Ask, new_type: Make, new_record: Make, database: TestDatabase
) -> None:
    name = (await new_type(retention_days=30))["name"]
    record = await new_record(record_type=name)

    async with nothing_written(database, "record_versions", told="record.retained"):
        refused = await ask("DELETE", at(record), base=1)

    assert (refused.status_code, refused.json()["until"] > record["created_at"]) == (409, True)
    assert (
        await ask("PATCH", f"/api/v1/record-types/{name}", Role.ADMIN, base=1, json={"retention_days": 0})
    ).is_success
    assert (await ask("DELETE", at(record), base=1)).status_code == 204
