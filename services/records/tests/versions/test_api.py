"""Records over HTTP: each edit is a version that stays, for who may edit and who may read."""

from typing import Any

import httpx
import pytest

from plantkit.ids import new_id
from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import audit_entries, nothing_written
from services.records.tests.stage import RECORDS, SCHEMA, TYPES, Ask, Json, Make, at, codes
from takt_contracts.records.canonical import digest_of
from takt_contracts.records.records import RecordCreated, RecordDeleted, RecordRevised
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
ABOUT = ["orders/WO-1001", "operations/WO-1001/0010"]
EDITS: list[tuple[str, Json]] = [
    ("PUT", {"json": {"content": {"result": "fail"}}}),
    ("PATCH", {"json": {"content": {"result": "fail"}}}),
    ("DELETE", {}),
]


async def told(record: Json, published: Any) -> list[tuple[str, int]]:
    events = [one for fact in (RecordCreated, RecordRevised, RecordDeleted) for one in await published(fact)]
    return [(one.fact, one.version) for one in events if str(one.state.id) == record["id"]]


async def test_a_record_is_kept_told_and_readable(ask: Ask, new_type: Make, published: Any) -> None:
    name = (await new_type())["name"]
    body = {
        "record_type": name,
        "about": ABOUT,
        "content": {"result": "pass", "diameter_mm": 40.010},
        "reason": "first",
    }

    answer = await ask("POST", RECORDS, Role.QUALITY, json=body)

    made = answer.json()
    assert (answer.status_code, answer.headers["etag"], answer.headers["location"]) == (201, '"1"', at(made))
    read = await ask("GET", at(made), Role.VIEWER, user="somebody")
    assert (read.status_code, read.json(), read.headers["etag"]) == (200, made, '"1"')
    assert (made["content"], made["about"], made["reason"]) == (
        {"result": "pass", "diameter_mm": 40.01},
        ABOUT,
        "first",
    )
    assert (made["created_by"], made["updated_by"], made["schema_version"]) == ("quality-01", "quality-01", 1)
    assert made["digest"] == digest_of(made["content"], made["salt"])
    [event] = [one for one in await published(RecordCreated) if str(one.state.id) == made["id"]]
    assert event.state.model_dump(mode="json") == made
    assert event.dataref is None
    same = await ask("GET", at(made), Role.VIEWER, headers={"if-none-match": '"1"'})
    assert same.status_code == 304


async def test_creating_is_safe_to_repeat_and_only_so(ask: Ask, new_type: Make, database: TestDatabase) -> None:
    body = {"record_type": (await new_type())["name"], "content": {"result": "pass"}}
    key = {"idempotency-key": str(new_id())}

    first, again = [await ask("POST", RECORDS, Role.QUALITY, json=body, headers=key) for _ in range(2)]

    assert (first.content, first.headers["location"]) == (again.content, again.headers["location"])
    assert again.headers["idempotent-replayed"] == "true"
    async with nothing_written(database, "record_versions", told="idempotency.key-reused"):
        other = await ask("POST", RECORDS, Role.QUALITY, json={**body, "about": ABOUT}, headers=key)
    assert other.status_code == 422
    async with nothing_written(database, "record_versions"):
        without = await ask("POST", RECORDS, Role.QUALITY, json=body, headers={"idempotency-key": ""})
        assert without.status_code == 400


async def test_the_key_is_required(anonymous: httpx.AsyncClient, signer: Any) -> None:
    answer = await anonymous.post(RECORDS, json={}, headers=signer.headers(Role.QUALITY))

    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency.key-missing")


async def test_who_creates_is_said_by_the_type(ask: Ask, new_type: Make, database: TestDatabase) -> None:
    body = {"record_type": (await new_type(creators=["QUALITY", "OPERATOR"]))["name"], "content": {"result": "pass"}}

    for role in (Role.QUALITY, Role.OPERATOR, Role.ADMIN):
        assert (await ask("POST", RECORDS, role, json=body)).status_code == 201
    async with nothing_written(database, "record_versions", told="auth.forbidden"):
        answer = await ask("POST", RECORDS, Role.PLANNER, json=body)
    assert (answer.status_code, answer.json()["roles"]) == (403, ["OPERATOR", "QUALITY"])


async def test_a_record_of_no_known_type_is_not_made(ask: Ask, database: TestDatabase) -> None:
    async with nothing_written(database, "record_versions", told="resource.not-found"):
        answer = await ask("POST", RECORDS, Role.ADMIN, json={"record_type": "nobody", "content": {}})

    assert (answer.status_code, answer.json()["code"]) == (404, "resource.not-found")


async def test_content_that_breaks_the_schema_is_refused_at_each_place(
    ask: Ask, new_record: Make, database: TestDatabase
) -> None:
    record = await new_record()
    bad = {"diameter_mm": -1, "notes": ["x", 1], "extra": True}
    places = [
        ("/content/diameter_mm", "field.range"),
        ("/content/extra", "field.unknown"),
        ("/content/notes/1", "field.type"),
    ]

    for method, path, base, missing in (
        ("POST", RECORDS, None, True),
        ("PUT", at(record), 1, True),
        ("PATCH", at(record), 1, False),
    ):
        body = {"content": bad} | ({"record_type": record["record_type"]} if base is None else {})
        async with nothing_written(database, "record_versions", told="record.content-refused"):
            answer = await ask(method, path, Role.QUALITY, base=base, json=body)
        required = [("/content/result", "field.missing")] if missing else []
        assert (answer.status_code, codes(answer)) == (422, sorted([*places, *required]))


async def test_each_edit_is_a_version_and_every_version_stays(ask: Ask, new_record: Make, published: Any) -> None:
    record = await new_record(content={"result": "pass", "diameter_mm": 40}, about=ABOUT)

    put = await ask("PUT", at(record), base=1, json={"content": {"result": "fail"}, "reason": "measured again"})
    patch = await ask("PATCH", at(record), base=2, json={"content": {"diameter_mm": 39.5}, "about": ABOUT[:1]})
    by_admin = await ask("PATCH", at(record), Role.ADMIN, user="admin", base=3, json={"content": {"diameter_mm": None}})

    assert [answer.status_code for answer in (put, patch, by_admin)] == [200, 200, 200]
    assert [answer.headers["etag"] for answer in (put, patch, by_admin)] == ['"2"', '"3"', '"4"']
    history = (await ask("GET", at(record, "/history"), Role.VIEWER)).json()["data"]
    names = ("version", "kind", "content", "about", "written_by", "reason")
    assert [tuple(one[name] for name in names) for one in history] == [
        (4, "revised", {"result": "fail"}, ABOUT[:1], "admin", None),
        (3, "revised", {"result": "fail", "diameter_mm": 39.5}, ABOUT[:1], "quality-01", None),
        (2, "revised", {"result": "fail"}, [], "quality-01", "measured again"),
        (1, "created", {"result": "pass", "diameter_mm": 40}, ABOUT, "quality-01", None),
    ]  # fmt: skip
    for one in history:
        assert one["digest"] == digest_of(one["content"], one["salt"])
        assert (await ask("GET", at(record, f"/history/{one['version']}"), Role.VIEWER)).json() == one
    assert by_admin.json()["created_by"] == "quality-01"
    assert await told(record, published) == [("created", 1), ("revised", 2), ("revised", 3), ("revised", 4)]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_the_same_again_is_no_version(ask: Ask, new_record: Make, database: TestDatabase, method: str) -> None:
    record = await new_record(content={"result": "pass", "diameter_mm": 40}, about=ABOUT)

    async with nothing_written(database, "record_versions"):
        body = {"content": {"diameter_mm": 40.0, "result": "pass"}, "about": ABOUT, "reason": "to be sure"}
        answer = await ask(method, at(record), base=1, json=body)

    assert (answer.status_code, answer.json()) == (200, record)


@pytest.mark.parametrize(("method", "request_"), EDITS)
async def test_only_its_creator_and_administrators_edit_it(
    ask: Ask, new_record: Make, database: TestDatabase, method: str, request_: Json
) -> None:
    record = await new_record()

    for base in (1, 7, None):
        async with nothing_written(database, "record_versions", told="record.not-its-creator"):
            answer = await ask(method, at(record), Role.QUALITY, Role.HEALTH, user="other", base=base, **request_)
        assert answer.status_code == 403
    assert (await ask(method, at(record), user="quality-01", base=1, **request_)).status_code in (200, 204)


@pytest.mark.parametrize(("method", "request_"), EDITS)
async def test_an_edit_names_what_it_is_based_on(
    ask: Ask, new_record: Make, database: TestDatabase, method: str, request_: Json
) -> None:
    record = await new_record()
    requests = [request_] if method == "DELETE" else [request_, {"json": {"content": 7, "extra": 1}}]

    for sent in requests:
        for base, status, code in ((None, 428, "resource.precondition-required"), (7, 412, "resource.stale")):
            async with nothing_written(database, "record_versions", told=code):
                assert (await ask(method, at(record), base=base, **sent)).status_code == status
        for header in ("*", 'W/"1"', "1", '"1", "2"'):
            async with nothing_written(database, "record_versions", told="request.bad-if-match"):
                answer = await ask(method, at(record), headers={"if-match": header}, **sent)
            assert (answer.status_code, answer.json()["code"]) == (400, "request.bad-if-match")
    stranger = await ask(method, at(record), user="other", base=1, **requests[-1])
    assert stranger.status_code == 403


async def test_a_deleted_record_is_gone_and_its_history_is_not(ask: Ask, new_record: Make, published: Any) -> None:
    record = await new_record(about=ABOUT)
    name = record["record_type"]

    deleted = await ask("DELETE", at(record, "?reason=entered%20twice"), base=1)

    assert (deleted.status_code, deleted.content, deleted.headers["etag"]) == (204, b"", '"2"')
    read = await ask("GET", at(record), Role.VIEWER)
    assert (read.status_code, read.json()["code"], read.json()["history"]) == (
        410,
        "record.deleted",
        at(record, "/history"),
    )
    for method, request in EDITS:
        assert (await ask(method, at(record), base=2, **request)).status_code == 410
    assert (await ask("GET", f"{RECORDS}?record_type={name}&total=true", Role.VIEWER)).json()["page"]["total"] == 0
    last, first = (await ask("GET", at(record, "/history"), Role.VIEWER)).json()["data"]
    assert (last["kind"], last["content"], last["reason"], last["about"]) == ("deleted", None, "entered twice", ABOUT)
    assert last["digest"] == digest_of(None, last["salt"])
    assert first["content"] == {"result": "pass"}
    [event] = [one for one in await published(RecordDeleted) if str(one.state.id) == record["id"]]
    assert (event.version, event.state.content, event.state.about) == (2, None, tuple(ABOUT))


async def test_a_type_may_want_to_know_why(ask: Ask, new_type: Make, new_record: Make, database: TestDatabase) -> None:
    name = (await new_type(reason_required=True))["name"]
    record = await new_record(record_type=name)

    for method, request in EDITS:
        async with nothing_written(database, "record_versions", told="record.reason-missing"):
            answer = await ask(method, at(record), base=1, **request)
        assert (answer.status_code, codes(answer)) == (422, [("/reason", "field.missing")])
    body = {"content": {"result": "fail"}, "reason": "wrong gauge"}
    assert (await ask("PUT", at(record), base=1, json=body)).status_code == 200
    assert (await ask("DELETE", at(record, "?reason=wrong%20shaft"), base=2)).status_code == 204


async def test_old_versions_stay_readable_under_their_schema(ask: Ask, new_record: Make) -> None:
    record = await new_record()
    wider = {**SCHEMA, "properties": {**SCHEMA["properties"], "colour": {"type": "string"}}}
    path = f"{TYPES}/{record['record_type']}"
    assert (await ask("PATCH", path, Role.ADMIN, base=1, json={"content_schema": wider})).status_code == 200

    revised = await ask("PATCH", at(record), base=1, json={"content": {"colour": "blue"}})

    assert (revised.status_code, revised.json()["schema_version"]) == (200, 2)
    last, first = (await ask("GET", at(record, "/history"), Role.VIEWER)).json()["data"]
    assert [(one["schema_version"], one["content"]) for one in (first, last)] == [
        (1, {"result": "pass"}),
        (2, {"result": "pass", "colour": "blue"}),
    ]
    assert (await ask("GET", f"{path}/schemas/1", Role.VIEWER)).json()["content_schema"] == SCHEMA


async def test_history_is_paged_newest_first_and_stable_under_writes(ask: Ask, new_record: Make) -> None:
    record = await new_record(content={"result": "pass", "diameter_mm": 1})
    for base in range(1, 7):
        await ask("PATCH", at(record), base=base, json={"content": {"diameter_mm": base + 1}})

    seen: list[Any] = []
    cursor: str | None = ""
    base = 7
    while cursor is not None:
        page = (await ask("GET", at(record, f"/history?limit=2{cursor and f'&cursor={cursor}'}"), Role.VIEWER)).json()
        seen += [(one["version"], one["content"]["diameter_mm"]) for one in page["data"]]
        cursor = page["page"]["next"]
        await ask("PATCH", at(record), base=base, json={"content": {"diameter_mm": base + 1}})
        base += 1

    assert seen == [(n, n) for n in range(7, 0, -1)]


@pytest.mark.parametrize(
    "tail", ["/history/2", "/history/0", "/history/x", "/history/99999999999999999999", "/history/1x"]
)
async def test_a_version_that_is_not_there_is_not_found(ask: Ask, new_record: Make, tail: str) -> None:
    assert (await ask("GET", at(await new_record(), tail), Role.VIEWER)).status_code == 404


@pytest.mark.parametrize(
    "key", ["nobody", "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a", "%00", "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a0"]
)
async def test_a_record_that_is_not_there_is_not_found(ask: Ask, database: TestDatabase, key: str) -> None:
    async with nothing_written(database, "record_versions"):
        for tail in ("", "/history", "/history/1"):
            assert (await ask("GET", f"{RECORDS}/{key}{tail}", Role.ADMIN)).status_code == 404
        for method, request in [*EDITS, ("PUT", {"json": {"wrong": 1}})]:
            assert (await ask(method, f"{RECORDS}/{key}", Role.ADMIN, base=1, **request)).status_code == 404


async def test_cursors_of_other_lists_are_refused(ask: Ask, new_record: Make) -> None:
    record, other = await new_record(), await new_record()
    for one in (record, other):
        await ask("PATCH", at(one), base=1, json={"content": {"diameter_mm": 2}})
    cursor = (await ask("GET", at(record, "/history?limit=1"), Role.VIEWER)).json()["page"]["next"]
    listed = (await ask("GET", f"{RECORDS}?limit=1", Role.VIEWER)).json()["page"]["next"]

    for path in (
        at(other, f"/history?cursor={cursor}"),
        f"{RECORDS}?cursor={cursor}",
        f"{RECORDS}?about=orders/1&cursor={listed}",
    ):
        answer = await ask("GET", path, Role.VIEWER)
        assert (answer.status_code, answer.json()["code"]) == (400, "query.bad-cursor")


async def test_records_are_found_by_type_by_who_made_them_and_by_what_they_are_about(
    ask: Ask, new_type: Make, new_record: Make
) -> None:
    name, order = (await new_type())["name"], f"orders/WO-{new_id().hex[:12]}"
    mine = [await new_record(record_type=name, about=[order, f"items/IT-{n}"]) for n in range(3)]
    theirs = await new_record(record_type=name, user="quality-09", about=[order])
    await new_record(about=[order + "-not"])

    async def found(query: str) -> list[str]:
        answer = await ask("GET", f"{RECORDS}?{query}", Role.VIEWER)
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()["data"]]

    ids = [one["id"] for one in mine]
    assert await found(f"record_type={name}") == [*ids, theirs["id"]]
    assert await found(f"about={order}&sort=-created_at") == [theirs["id"], *reversed(ids)]
    assert await found(f"about={order}&created_by=quality-09") == [theirs["id"]]
    assert await found(f"about=items/IT-1&record_type={name}") == [ids[1]]
    assert await found(f"about={order}&record_type=nobody") == []
    first = (await ask("GET", f"{RECORDS}?about={order}&limit=3&total=true", Role.VIEWER)).json()
    rest = await found(f"about={order}&cursor={first['page']['next']}")
    assert ([one["id"] for one in first["data"]] + rest, first["page"]["total"]) == ([*ids, theirs["id"]], 4)
    assert "content" not in first["data"][0]
    assert (await ask("GET", f"{RECORDS}?about=nonsense", Role.VIEWER)).status_code == 400
    assert (await ask("GET", f"{RECORDS}?content=x", Role.VIEWER)).status_code == 400


@pytest.mark.parametrize(
    "body",
    [
        {"content": [1]},
        {"content": {"result": "pass"}, "about": ["orders"]},
        {"content": {"result": "pass"}, "about": ["orders/1", "orders/1"]},
        {"content": {"result": "pass"}, "reason": ""},
        {"content": {"result": "pass"}, "id": "x"},
        {"about": []},
    ],
)
async def test_a_body_of_another_shape_is_refused(ask: Ask, new_type: Make, database: TestDatabase, body: Json) -> None:
    name = (await new_type())["name"]

    async with nothing_written(database, "record_versions", told="request.invalid"):
        answer = await ask("POST", RECORDS, Role.QUALITY, json={"record_type": name, **body})

    assert answer.status_code == 422


async def test_a_change_is_one_audit_entry_that_does_not_repeat_the_content(
    ask: Ask, new_record: Make, database: TestDatabase
) -> None:
    record = await new_record(content={"result": "pass", "notes": ["unrepeated"]})

    await ask("PATCH", at(record), base=1, json={"content": {"notes": ["unrepeated too"]}, "reason": "unrepeated"})

    entries = [one for one in await audit_entries(database) if one.get("subject") == record["id"]]
    assert [(one["action"], one["outcome"], one["version"]) for one in entries] == [
        ("records.record.created", "changed", 1),
        ("records.record.revised", "changed", 2),
    ]
    assert set(entries[1]["changes"]) == {"digest"}
    assert "unrepeated" not in str(entries)
