"""Several changes as one: all of them or none, each with its event."""

from typing import Any

import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from services.records.tests.stage import Ask, Json, Make, at, codes
from takt_contracts.records.records import RecordCreated, RecordDeleted, RecordRevised
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
SETS = "/api/v1/change-sets"
FAIL: Json = {"content": {"result": "fail"}}


async def told(published: Any, *ids: str) -> list[tuple[str, int]]:
    events = [one for fact in (RecordCreated, RecordRevised, RecordDeleted) for one in await published(fact)]
    return sorted((one.fact, one.version) for one in events if str(one.state.id) in ids)


async def test_a_set_is_committed_whole(ask: Ask, new_record: Make, published: Any) -> None:
    one, other = await new_record(), await new_record()
    body = {
        "create": [{"record_type": one["record_type"], "content": {"result": "pass"}, "lifecycle": "draft"}] * 2,
        "revise": [{"id": one["id"], "version": 1, **FAIL}],
        "delete": [{"id": other["id"], "version": 1}],
    }

    answer = await ask("POST", SETS, Role.QUALITY, json=body)

    done = answer.json()
    assert answer.status_code == 200, answer.text
    assert [(one["version"], one["lifecycle"]) for one in done["created"]] == [(1, "draft")] * 2
    assert [(one["id"], one["version"]) for one in done["revised"] + done["deleted"]] == [
        (one["id"], 2),
        (other["id"], 2),
    ]
    assert (await ask("GET", at(other), Role.VIEWER)).status_code == 410
    ids = [one["id"] for one in done["created"] + done["revised"] + done["deleted"]]
    assert await told(published, *ids) == [
        ("created", 1), ("created", 1), ("created", 1), ("created", 1), ("deleted", 2), ("revised", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("last", "status", "code"),
    [
        ({"version": 7, **FAIL}, 412, "resource.stale"),
        (FAIL, 428, "resource.precondition-required"),
        ({"version": 1, "content": {"result": "perhaps"}}, 422, "record.content-refused"),
        ({"version": 1, "lifecycle": "draft"}, 409, "record.illegal-transition"),
    ],
)
async def test_one_that_is_refused_takes_all_others_back(
    ask: Ask, new_record: Make, database: TestDatabase, last: Json, status: int, code: str
) -> None:
    one, other = await new_record(), await new_record()
    body = {
        "create": [{"record_type": one["record_type"], "content": {"result": "pass"}}],
        "revise": [{"id": one["id"], "version": 1, **FAIL}, {"id": other["id"], **last}],
    }

    async with nothing_written(database, "record_versions", told=code):
        answer = await ask("POST", SETS, Role.QUALITY, json=body)

    assert (answer.status_code, answer.json()["code"], answer.json()["change"]) == (status, code, "/revise/1")
    assert (await ask("GET", at(one), Role.VIEWER)).json()["version"] == 1
    if status == 422:
        assert codes(answer) == [("/revise/1/content/result", "field.value")]


async def test_rights_are_those_of_each_record(ask: Ask, new_record: Make, database: TestDatabase) -> None:
    mine, theirs = await new_record(), await new_record(user="quality-09")
    body = {"revise": [{"id": one["id"], "version": 1, **FAIL} for one in (mine, theirs)]}

    async with nothing_written(database, "record_versions", told="record.not-its-creator"):
        assert (await ask("POST", SETS, Role.QUALITY, json=body)).status_code == 403


@pytest.mark.parametrize("twice", [True, False])
async def test_a_set_names_each_record_once_and_at_least_one(
    ask: Ask, new_record: Make, database: TestDatabase, twice: bool
) -> None:
    change = {"id": (await new_record())["id"], "version": 1}
    body = {"revise": [{**change, **FAIL}], "delete": [change]} if twice else {}

    async with nothing_written(database, "record_versions", told="request.invalid"):
        assert (await ask("POST", SETS, Role.QUALITY, json=body)).status_code == 422
