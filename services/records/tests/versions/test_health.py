"""Records of class health: who sees them, what is told of that, and that nothing else is told."""

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest

from plantkit.ids import new_id
from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import audit_entries, nothing_written
from services.records.tests.stage import RECORDS, Ask, Json, Make, at
from takt_contracts.records.records import PUBLIC, RecordCreated, RecordDeleted, RecordRevised
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
OTHERS = [role for role in Role if role not in (Role.HEALTH, Role.ADMIN)]
WORD = "nobody-may-see-this"


@pytest.fixture
async def record(new_record: Make) -> Json:
    return await new_record(access_class="health", user="doctor", content={"result": "pass", "notes": [WORD]})


async def reads(database: TestDatabase, record: Json) -> list[tuple[str, Any]]:
    """Who was shown which version."""
    entries = [one for one in await audit_entries(database) if one["outcome"] == "read"]
    return [
        (one["actor"]["id"], one["version"]) for one in entries if record["id"] in (one["subject"], *one["subjects"])
    ]


@pytest.mark.parametrize("role", [Role.HEALTH, Role.ADMIN])
async def test_every_read_of_one_is_in_the_audit_trail(
    ask: Ask, record: Json, database: TestDatabase, role: Role
) -> None:
    for tail in ("", "/history", "/history/1"):
        answer = await ask("GET", at(record, tail), role, user=f"reader-{role}")
        assert (answer.status_code, WORD in answer.text) == (200, True)
    same = await ask("GET", at(record), role, user=f"reader-{role}", headers={"if-none-match": '"1"'})
    assert same.status_code == 304

    assert await reads(database, record) == [(f"reader-{role}", version) for version in (1, None, 1, 1)]
    [entry, *_] = [
        one for one in await audit_entries(database) if one["outcome"] == "read" and one["subject"] == record["id"]
    ]
    assert (entry["action"], entry["resource"], entry["actor"]["kind"]) == ("records.record.read", "record", "user")
    assert entry["request_id"]


async def test_reads_of_other_records_are_not(ask: Ask, new_record: Make, database: TestDatabase) -> None:
    other = await new_record(access_class="quality")

    for tail in ("", "/history", "/history/1"):
        assert (await ask("GET", at(other, tail), Role.HEALTH)).status_code == 200

    assert await reads(database, other) == []


@pytest.mark.parametrize("tail", ["", "/history", "/history/1"])
@pytest.mark.parametrize("role", OTHERS)
async def test_to_everyone_else_it_does_not_exist_and_the_trail_knows_who_asked(
    ask: Ask, record: Json, database: TestDatabase, role: Role, tail: str
) -> None:
    async with nothing_written(database, "record_versions", told="resource.not-found"):
        hidden = await ask("GET", at(record, tail), role, user="curious")
    nobody = {"id": str(new_id())}
    async with nothing_written(database, "record_versions"):
        absent = await ask("GET", at(nobody, tail), role, user="curious")

    assert hidden.status_code == absent.status_code == 404
    assert shape(hidden.text, record["id"]) == shape(absent.text, nobody["id"])
    assert sorted(hidden.headers) == sorted(absent.headers)
    entry = (await audit_entries(database))[-1]
    assert (entry["outcome"], entry["actor"]["id"], entry["action"]) == (
        "refused",
        "curious",
        f"GET {at(record, tail)}",
    )


def shape(text: str, id_: str) -> Json:
    """The problem without what differs in every answer."""
    found: Json = orjson.loads(text.replace(id_, "ID"))
    return {name: value for name, value in found.items() if name != "trace_id"}


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("PUT", {"json": {"content": {"result": "fail"}}}),
        ("PUT", {"json": {"wrong": 1}}),
        ("PATCH", {"json": {"content": {}}}),
        ("DELETE", {}),
    ],
)
async def test_nor_can_they_edit_it_though_they_made_it(
    ask: Ask, record: Json, database: TestDatabase, method: str, request_: Json
) -> None:
    """A creator who lost the role is a stranger."""
    for user in ("doctor", "curious"):
        async with nothing_written(database, "record_versions", told="resource.not-found"):
            answer = await ask(method, at(record), Role.QUALITY, user=user, base=1, **request_)
        assert answer.status_code == 404


async def test_only_who_reads_them_creates_them(ask: Ask, record: Json, database: TestDatabase) -> None:
    body = {"record_type": record["record_type"], "content": {"result": "pass"}}

    for role in OTHERS:
        async with nothing_written(database, "record_versions", told="auth.forbidden"):
            assert (await ask("POST", RECORDS, role, json=body)).status_code == 403


async def test_lists_and_totals_do_not_betray_them(
    ask: Ask, record: Json, new_record: Make, database: TestDatabase
) -> None:
    about = f"employees/{new_id().hex[:12]}"
    hidden = await new_record(access_class="health", user="doctor", about=[about])
    seen = await new_record(about=[about])

    for role in OTHERS:
        for query in (f"about={about}", f"about={about}&sort=-created_at", f"record_type={hidden['record_type']}"):
            page = (await ask("GET", f"{RECORDS}?{query}&total=true&limit=1", role)).json()
            expected = [] if query.startswith("record_type") else [seen["id"]]
            assert [one["id"] for one in page["data"]] == expected
            assert (page["page"]["total"], page["page"]["next"]) == (len(expected), None)
        assert (await ask("GET", f"{RECORDS}?access_class=health&total=true", role)).json()["page"]["total"] == 0
    assert await reads(database, hidden) == []

    page = (await ask("GET", f"{RECORDS}?about={about}&total=true", Role.HEALTH, user="doctor")).json()
    assert ([one["id"] for one in page["data"]], page["page"]["total"]) == ([hidden["id"], seen["id"]], 2)
    assert await reads(database, hidden) == [("doctor", None)]
    assert await reads(database, seen) == []


async def test_nothing_but_its_own_tables_knows_what_it_says(
    ask: Ask, record: Json, new_record: Make, database: TestDatabase, published: Any
) -> None:
    body = {"content": {"result": "fail", "notes": [WORD]}, "reason": WORD, "about": [f"employees/{WORD}"]}
    assert (await ask("PUT", at(record), Role.HEALTH, user="doctor", base=1, json=body)).status_code == 200
    wrong = {"content": {"result": WORD, "extra": WORD}}
    assert (await ask("PUT", at(record), Role.HEALTH, user="doctor", base=2, json=wrong)).status_code == 422
    assert (await ask("DELETE", at(record, f"?reason={WORD}"), Role.HEALTH, user="doctor", base=2)).status_code == 204

    for fact in (RecordCreated, RecordRevised, RecordDeleted):
        [event] = [one for one in await published(fact) if str(one.state.id) == record["id"]]
        assert set(event.state.model_dump(mode="json")) == set(PUBLIC)
    tables = await tables_that_hold(database, WORD)
    assert tables == {"records", "record_versions", "idempotency"}
    async with database.connect() as connection:
        headers = await connection.fetch(
            "SELECT headers FROM outbox WHERE aggregateid = $1 ORDER BY version", record["id"]
        )
    assert [orjson.loads(row["headers"])["ce_dataref"] for row in headers] == [
        at(record, f"/history/{n}") for n in (1, 2, 3)
    ]


async def tables_that_hold(database: TestDatabase, word: str) -> set[str]:
    """Tables with the word in any column of any row; bytes are looked through as hex."""
    found = set()
    async with database.connect("owner") as connection:
        names = await connection.fetch(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'records'"
        )
        for (name,) in names:
            rows = f"SELECT count(*) FROM {name} one WHERE one::text LIKE $1 OR one::text LIKE $2"
            if await connection.fetchval(rows, f"%{word}%", f"%{word.encode().hex()}%"):
                found.add(name)
    return found


async def test_what_cannot_be_told_is_not_shown(ask: Ask, new_record: Make, database: TestDatabase) -> None:
    record = await new_record(access_class="health", user="doctor", content={"result": "pass", "notes": [WORD]})
    paths = (at(record), at(record, "/history"), at(record, "/history/1"), RECORDS)
    async with database.connect("owner") as owner, owner.transaction():
        await owner.execute("LOCK TABLE outbox IN SHARE MODE")  # longer than a command waits for a lock
        answers = await asyncio.gather(*(ask("GET", path, Role.HEALTH, user="doctor") for path in paths))

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "service.busy")
        assert WORD not in answer.text
    assert (await ask("GET", at(record), Role.HEALTH)).status_code == 200


async def test_the_database_refuses_to_make_one_public(record: Json, database: TestDatabase) -> None:
    async with database.connect() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="not its newest version"):
            await connection.execute("UPDATE records SET access_class = 'general' WHERE access_class = 'health'")
