"""What a type says of its fields: which lists filter by, which are hidden from whom."""

from typing import Any

import orjson
import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from services.records.tests.stage import RECORDS, SCHEMA, TYPES, Ask, Json, Make, at
from takt_contracts.records.records import RecordCreated, RecordRevised
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
SECRET = "only-quality-knows"


@pytest.fixture
async def searched(new_type: Make) -> str:
    return str((await new_type(searchable=["result", "diameter_mm"]))["name"])


@pytest.fixture
async def hiding(new_type: Make) -> Json:
    return await new_type(hidden_fields={"notes": ["QUALITY"]}, creators=["QUALITY", "OPERATOR"])


async def test_lists_filter_by_what_is_searchable(ask: Ask, new_record: Make, searched: str) -> None:
    contents: list[Json] = [
        {"result": "pass", "diameter_mm": 40}, {"result": "fail", "diameter_mm": 40}, {"result": "fail"},
    ]  # fmt: skip
    ids = [(await new_record(record_type=searched, content=one, about=["orders/WO-7"]))["id"] for one in contents]

    async def found(query: str) -> list[str]:
        answer = await ask("GET", f"{RECORDS}?record_type={searched}&{query}&total=true", Role.VIEWER)
        assert answer.status_code == 200, answer.text
        assert answer.json()["page"]["total"] == len(answer.json()["data"])
        return [one["id"] for one in answer.json()["data"]]

    assert await found("content.result=fail") == ids[1:]
    assert await found("content.diameter_mm=40.0&content.result=fail") == [ids[1]]
    assert await found("content.result=fail&about=orders/WO-7&sort=-created_at") == [ids[2], ids[1]]
    await ask("PATCH", at({"id": ids[2]}), base=1, json={"content": {"result": "pass"}})
    assert await found("content.result=fail") == [ids[1]]
    await ask("DELETE", at({"id": ids[1]}), base=1)
    assert await found("content.result=fail") == []


@pytest.mark.parametrize(
    "query", ["record_type={}&content.notes=x", "record_type={}&content.=x", "content.result=fail",
              "record_type={}&content.diameter_mm=wide"],
)  # fmt: skip
async def test_what_is_not_searchable_is_no_filter(ask: Ask, searched: str, query: str) -> None:
    assert (await ask("GET", f"{RECORDS}?{query.format(searched)}", Role.VIEWER)).status_code == 400


async def test_a_filter_by_content_is_answered_by_an_index(searched: str, database: TestDatabase) -> None:
    async with database.connect() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetchval(
            "EXPLAIN (FORMAT JSON) SELECT id FROM records WHERE searched @> $1 AND deleted_at IS NULL",
            '{"result": "fail"}',
        )
    assert "records_searched_idx" in plan


async def test_hidden_fields_are_in_no_answer_and_no_event(
    ask: Ask, hiding: Json, database: TestDatabase, published: Any
) -> None:
    body = {"record_type": hiding["name"], "content": {"result": "pass", "notes": [SECRET]}}
    made = await ask("POST", RECORDS, Role.OPERATOR, user="operator-07", json=body)
    record = made.json()
    edit = {"content": {"result": "fail"}}
    put = await ask("PUT", at(record), Role.OPERATOR, user="operator-07", base=1, json=edit)
    stale = await ask("PUT", at(record), Role.OPERATOR, user="operator-07", base=1, json=edit)
    paths = ("", "/history", "/history/1", "/diff?from=1&to=2", f"?as_of={put.json()['updated_at']}")

    for tail in paths:
        hidden = await ask("GET", at(record, tail), Role.OPERATOR)
        assert (hidden.status_code, SECRET in hidden.text) == (200, False), tail
    assert SECRET not in made.text + put.text + stale.text
    assert (record["hidden"], record["salt"], stale.status_code) == (["notes"], None, 412)
    seen = (await ask("GET", at(record), Role.QUALITY)).json()
    assert seen["content"] == {"result": "fail", "notes": [SECRET]}, "who cannot see a field cannot remove it"
    assert "hidden" not in seen
    told = [one for fact in (RecordCreated, RecordRevised) for one in await published(fact)]
    [first, second] = [one for one in told if str(one.state.id) == record["id"]]
    assert (first.state.content, first.state.hidden, first.state.salt) == ({"result": "pass"}, ("notes",), None)
    assert second.dataref == at(record, "/history/2")
    async with database.connect() as connection:
        rows = await connection.fetch("SELECT payload FROM outbox")
    assert not any(SECRET in orjson.dumps(str(row["payload"])).decode() for row in rows)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"business_key": ["colour"]}, "/business_key"),
        ({"business_key": ["diameter_mm"]}, "/business_key"),
        ({"searchable": ["colour"]}, "/searchable"),
        ({"hidden_fields": {"colour": ["QUALITY"]}}, "/hidden_fields"),
        ({"hidden_fields": {"result": ["QUALITY"]}, "searchable": ["result"]}, "/hidden_fields"),
    ],
)
async def test_a_type_names_fields_of_its_schema(ask: Ask, database: TestDatabase, fields: Json, pointer: str) -> None:
    body = {"name": "wrong", "title": "Wrong", "content_schema": SCHEMA, "creators": ["QUALITY"], **fields}

    async with nothing_written(database, "record_types", told="record-type.field-undeclared"):
        answer = await ask("POST", TYPES, Role.ADMIN, json=body)

    assert (answer.status_code, {error["pointer"] for error in answer.json()["errors"]}) == (422, {pointer})


@pytest.mark.parametrize("fields", [{"business_key": ["result"]}, {"searchable": ["result"]}])
async def test_what_records_are_found_by_never_changes(
    ask: Ask, new_type: Make, database: TestDatabase, fields: Json
) -> None:
    name = (await new_type())["name"]

    async with nothing_written(database, "record_types", told="record-type.field-fixed"):
        assert (await ask("PATCH", f"{TYPES}/{name}", Role.ADMIN, base=1, json=fields)).status_code == 422
