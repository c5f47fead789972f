"""Edits of a version that is not the newest: told what happened, or joined on request."""

import asyncio

import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import audit_entries, nothing_written
from services.records.tests.stage import Ask, Json, Make, at, codes
from takt_contracts.roles import Role

pytestmark = pytest.mark.db


@pytest.fixture
async def record(ask: Ask, new_record: Make) -> Json:
    """At version 2, whose edit changed the result."""
    made = await new_record(content={"result": "pass", "diameter_mm": 40}, about=["orders/WO-1"])
    answer = await ask("PATCH", at(made), base=1, json={"content": {"result": "fail"}})
    found: Json = answer.json()
    return found


@pytest.mark.parametrize(
    ("method", "body", "yours"),
    [
        ("PATCH", {"content": {"diameter_mm": 41}}, {"result": "pass", "diameter_mm": 41}),
        ("PUT", {"content": {"result": "pass", "diameter_mm": 41}, "about": ["orders/WO-1"]},
         {"result": "pass", "diameter_mm": 41}),
    ],
)  # fmt: skip
async def test_a_stale_edit_is_told_base_theirs_and_yours(
    ask: Ask, record: Json, database: TestDatabase, method: str, body: Json, yours: Json
) -> None:
    async with nothing_written(database, "record_versions", told="resource.stale"):
        answer = await ask(method, at(record), base=1, json=body)

    told = answer.json()
    history = (await ask("GET", at(record, "/history"), Role.VIEWER)).json()["data"]
    assert (answer.status_code, told["code"]) == (412, "resource.stale")
    assert [told["theirs"], told["base"]] == history
    assert told["yours"] == {"content": yours, "about": ["orders/WO-1"], "lifecycle": "final"}


async def test_a_stale_deletion_is_told_too(ask: Ask, record: Json) -> None:
    told = (await ask("DELETE", at(record), base=1)).json()

    assert (told["status"], told["theirs"]["version"], "yours" in told) == (412, 2, False)
    nowhere = (await ask("DELETE", at(record), base=99)).json()
    assert (nowhere["status"], "base" in nowhere) == (412, False)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_disjoint_edits_are_joined_on_request(ask: Ask, record: Json, method: str) -> None:
    content = {"diameter_mm": 41} | ({"result": "pass"} if method == "PUT" else {})

    answer = await ask(
        method, at(record, "?on_stale=merge"), base=1, json={"content": content, "about": ["orders/WO-1"]}
    )

    assert (answer.status_code, answer.headers["etag"]) == (200, '"3"')
    assert answer.json()["content"] == {"result": "fail", "diameter_mm": 41}


async def test_edits_of_one_field_are_not(ask: Ask, record: Json, database: TestDatabase) -> None:
    async with nothing_written(database, "record_versions", told="record.merge-conflict"):
        body = {"content": {"result": None, "diameter_mm": 41}}
        answer = await ask("PATCH", at(record, "?on_stale=merge"), base=1, json=body)

    assert (answer.status_code, codes(answer)) == (409, [("/content/result", "field.conflict")])


async def test_what_is_joined_obeys_the_schema(ask: Ask, record: Json, database: TestDatabase) -> None:
    async with nothing_written(database, "record_versions", told="record.content-refused"):
        body = {"content": {"diameter_mm": -1}}
        assert (await ask("PATCH", at(record, "?on_stale=merge"), base=1, json=body)).status_code == 422


@pytest.mark.parametrize(("base", "status"), [(None, 428), (99, 412), (0, 412)])
async def test_a_merge_needs_a_base_that_there_is(ask: Ask, record: Json, base: int | None, status: int) -> None:
    body = {"content": {"diameter_mm": 41}}

    assert (await ask("PATCH", at(record, "?on_stale=merge"), base=base, json=body)).status_code == status


async def test_many_disjoint_edits_of_one_base_all_arrive(ask: Ask, new_type: Make, new_record: Make) -> None:
    names = [f"f{number}" for number in range(12)]
    schema = {"type": "object", "properties": {name: {"type": "integer"} for name in names}}
    record = await new_record(record_type=(await new_type(content_schema=schema))["name"], content={})

    answers = await asyncio.gather(
        *(
            ask("PATCH", at(record, "?on_stale=merge"), base=1, json={"content": {name: number}})
            for number, name in enumerate(names)
        )
    )

    assert {answer.status_code for answer in answers} == {200}
    last = (await ask("GET", at(record), Role.VIEWER)).json()
    assert (last["version"], last["content"]) == (13, {name: number for number, name in enumerate(names)})


async def test_what_a_stale_edit_of_a_health_record_is_told_is_a_read_of_it(
    ask: Ask, new_record: Make, database: TestDatabase
) -> None:
    record = await new_record(access_class="health", user="doctor")

    answer = await ask("PATCH", at(record), Role.HEALTH, user="doctor", base=7, json={"content": {"result": "fail"}})

    assert (answer.status_code, answer.json()["theirs"]["content"]) == (412, {"result": "pass"})
    reads = [one for one in await audit_entries(database) if one["outcome"] == "read"]
    assert [(one["subject"], one["actor"]["id"]) for one in reads][-1] == (record["id"], "doctor")


async def test_the_difference_of_any_two_versions(ask: Ask, record: Json) -> None:
    await ask("PATCH", at(record), base=2, json={"content": {"diameter_mm": None, "on": "2026-01-01"}, "about": []})
    await ask("DELETE", at(record), base=3)

    async def difference(older: int, newer: int) -> list[tuple[str, str]]:
        answer = await ask("GET", at(record, f"/diff?from={older}&to={newer}"), Role.VIEWER)
        assert (answer.json()["from"], answer.json()["to"]) == (older, newer)
        return [(one["pointer"], one["change"]) for one in answer.json()["changes"]]

    assert await difference(1, 2) == [("/content/result", "changed")]
    assert await difference(2, 3) == [
        ("/about", "changed"),
        ("/content/diameter_mm", "removed"),
        ("/content/on", "added"),
    ]
    assert await difference(3, 1) == [
        ("/about", "changed"),
        ("/content/diameter_mm", "added"),
        ("/content/on", "removed"),
        ("/content/result", "changed"),
    ]
    assert await difference(3, 4) == [("/content", "changed")]
    assert await difference(2, 2) == []


@pytest.mark.parametrize(("query", "status"), [("from=1&to=9", 404), ("from=x&to=1", 404), ("from=1", 400)])
async def test_a_difference_needs_two_versions(ask: Ask, record: Json, query: str, status: int) -> None:
    assert (await ask("GET", at(record, f"/diff?{query}"), Role.VIEWER)).status_code == status
