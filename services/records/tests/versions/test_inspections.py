"""Inspections are listed, filtered, sorted, paged, changed and deleted as any resource is."""

from typing import Any

import pytest
from fastapi import FastAPI

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from records.record_types.loops import register_shipped
from services.records.tests.stage import RECORDS, Ask, Json, Make, at
from takt_contracts.records.records import RecordDeleted, RecordRevised
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
LIST = f"{RECORDS}?record_type=inspection"
INSPECTOR = Role.OPERATOR


@pytest.fixture
async def inspect(app: FastAPI, ask: Ask) -> Make:
    """`await inspect("M-1", item="SHAFT-40", result="fail")`: by operator-07."""
    await register_shipped(app)

    async def make(no: str, **fields: Any) -> Json:
        content = {"inspection_no": no, "characteristic": "diameter", "result": "pass", "inspected_on": "2026-11-02"}
        body = {"record_type": "inspection", "content": content | fields}
        answer = await ask("POST", RECORDS, INSPECTOR, user="operator-07", json=body)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    return make


async def ids(ask: Ask, query: str) -> list[str]:
    answer = await ask("GET", f"{LIST}&{query}", Role.VIEWER)
    assert answer.status_code == 200, answer.text
    return [one["id"] for one in answer.json()["data"]]


async def test_they_are_listed_filtered_sorted_and_paged(ask: Ask, inspect: Make) -> None:
    one, two, three = [
        await inspect(f"M-{n}", item="SHAFT-41", result=result, order_no=f"WO-{n}")
        for n, result in enumerate(("pass", "fail", "fail"), 1)
    ]

    assert await ids(ask, "content.item=SHAFT-41&sort=created_at") == [one["id"], two["id"], three["id"]]
    assert await ids(ask, "content.item=SHAFT-41&content.result=fail&sort=-created_at") == [three["id"], two["id"]]
    assert await ids(ask, "content.order_no=WO-1&created_by=operator-07") == [one["id"]]
    assert await ids(ask, "content.item=SHAFT-99") == []
    page = (await ask("GET", f"{LIST}&content.item=SHAFT-41&sort=created_at&limit=2&total=true", Role.VIEWER)).json()
    assert ([row["id"] for row in page["data"]], page["page"]["total"]) == ([one["id"], two["id"]], 3)
    rest = f"content.item=SHAFT-41&sort=created_at&limit=2&cursor={page['page']['next']}"
    assert await ids(ask, rest) == [three["id"]]


async def test_one_is_changed_in_part_on_the_version_that_was_seen(ask: Ask, inspect: Make, published: Any) -> None:
    made = await inspect("N-1", measured=40.01, unit="mm")

    changed = await ask("PATCH", at(made), INSPECTOR, user="operator-07", base=1, json={"content": {"measured": 40.2}})

    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["content"] == {**made["content"], "measured": 40.2}
    assert [one.version for one in await published(RecordRevised) if str(one.state.id) == made["id"]] == [2]
    late = await ask("PATCH", at(made), INSPECTOR, user="operator-07", base=1, json={"content": {"measured": 41}})
    assert (late.status_code, late.json()["code"]) == (412, "resource.stale")


async def test_one_is_deleted_and_its_number_is_free_again(
    ask: Ask, inspect: Make, published: Any, database: TestDatabase
) -> None:
    made = await inspect("P-1", item="SHAFT-42")

    async with nothing_written(database, "record_versions", told="resource.precondition-required"):
        assert (await ask("DELETE", at(made), INSPECTOR, user="operator-07")).status_code == 428
    assert (await ask("DELETE", at(made), INSPECTOR, user="operator-07", base=1)).status_code == 204

    gone = await ask("GET", at(made), Role.VIEWER)
    assert (gone.status_code, gone.json()["code"]) == (410, "record.deleted")
    assert await ids(ask, "content.item=SHAFT-42") == []
    history = (await ask("GET", at(made, "/history"), Role.VIEWER)).json()["data"]
    assert [(one["version"], one["kind"]) for one in history] == [(2, "deleted"), (1, "created")]
    assert [one.version for one in await published(RecordDeleted) if str(one.state.id) == made["id"]] == [2]
    assert (await inspect("P-1"))["version"] == 1


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("content.remarks=x", "query.unknown-name"),
        ("sort=colour", "query.unknown-name"),
        ("limit=0", "query.bad-value"),
        ("cursor=nonsense", "query.bad-cursor"),
    ],
)
async def test_what_is_no_filter_is_refused(ask: Ask, inspect: Make, query: str, code: str) -> None:
    answer = await ask("GET", f"{LIST}&{query}", Role.VIEWER)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
