"""A file that is taken: one object, one row, one event, one answer."""

import asyncio
import hashlib
from uuid import UUID

import httpx
import pytest

from plantkit.ids import new_id
from takt_contracts.imports.files import FileUploaded

from .conftest import CSV, MOST, XLSX

pytestmark = pytest.mark.db


async def test_a_file_is_kept_told_and_answered_with_its_import(upload, objects, rows, published):
    answer = await upload("orders 2026-03-02.xlsx", XLSX, mode="commit", atomic="true", on_duplicate="skip")
    told = answer.json()

    assert answer.status_code == 202
    assert answer.headers["location"] == f"/api/v1/imports/{told['id']}"
    assert (told["state"], told["template"], told["target"], told["mode"]) == ("uploaded", "items", "items", "commit")
    assert (told["file_name"], told["bytes"], told["atomic"]) == ("orders 2026-03-02.xlsx", len(XLSX), True)
    assert told["sha256"] == hashlib.sha256(XLSX).hexdigest()
    event = (await published(FileUploaded))[-1]
    assert event.state.id == UUID(told["id"])
    assert (event.version, event.state.on_duplicate, event.state.roles) == (1, "skip", ("ADMIN",))
    assert objects()[event.state.dataref] == XLSX
    assert (await rows())[-1]["dataref"] == event.state.dataref


async def test_the_event_names_the_object_beside_its_content(upload, database, published):
    await upload("items.csv", CSV)
    state = (await published(FileUploaded))[-1].state

    async with database.connect() as connection:
        row = await connection.fetchrow("SELECT * FROM outbox WHERE aggregateid = $1", str(state.id))
    assert (row["topic"], row["type"]) == ("takt.inbound.file", "takt.file.uploaded.v1")
    assert f'"ce_dataref": "{state.dataref}"' in row["headers"]


async def test_without_words_a_file_is_planned_and_nothing_more(upload):
    told = (await upload("items.csv", CSV)).json()

    assert (told["mode"], told["atomic"], told["on_duplicate"]) == ("plan", False, "update")


@pytest.mark.parametrize(
    ("fields", "target"), [({}, None), ({"target": "workplaces"}, "workplaces"), ({"target": ""}, None)]
)
async def test_without_a_template_the_target_is_named_or_open(upload, fields, target):
    answer = await upload("items.csv", CSV, template=None, **fields)

    assert (answer.status_code, answer.json()["template"], answer.json()["target"]) == (202, None, target)


async def test_fields_may_come_before_and_after_the_file(admin):
    boundary = "x1"
    parts = [("mode", None, b"commit"), ("file", "a.csv", CSV), ("target", None, b"items")]
    answer = await admin.post("/api/v1/uploads", content=form(parts, boundary), headers=headers(boundary))

    assert (answer.status_code, answer.json()["mode"], answer.json()["target"]) == (202, "commit", "items")


def form(parts, boundary):
    body = b""
    for name, file_name, content in parts:
        named = "" if file_name is None else f'; filename="{file_name}"'
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        body += content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


def headers(boundary):
    return {"content-type": f"multipart/form-data; boundary={boundary}", "idempotency-key": str(new_id())}


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
async def test_however_it_is_cut_into_pieces_it_is_the_same_file(admin, size, objects, published):
    content = XLSX + b"\r\n--x1\r\n" + b"\r\n--x" * 30
    body = form([("file", "a.xlsx", content)], "x1-whole")

    async def pieces():
        for start in range(0, len(body), size):
            yield body[start : start + size]

    answer = await admin.post("/api/v1/templates/items/uploads", content=pieces(), headers=headers("x1-whole"))

    assert answer.status_code == 202, answer.text
    assert objects()[(await published(FileUploaded))[-1].state.dataref] == content


async def test_the_same_key_and_file_is_answered_again_and_kept_once(upload, objects, rows):
    first = await upload("a.csv", CSV, key="again-1", mode="plan")
    kept = (await rows(), objects())
    again = await upload("another name.csv", CSV, key="again-1", mode="plan")

    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    assert (await rows(), objects()) == kept


@pytest.mark.parametrize("other", [{"content": CSV + b"X,Y\n"}, {"mode": "commit"}, {"template": "workplaces"}])
async def test_the_same_key_with_something_else_is_refused(upload, other, nothing_kept):
    key = str(new_id())
    await upload("a.csv", CSV, key=key)
    check = await nothing_kept()
    answer = await upload("a.csv", key=key, **{"content": CSV, **other})

    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency.key-reused")
    await check()


async def test_ten_at_once_with_one_key_are_one(upload, objects, rows):
    rows_before, objects_before = len(await rows()), len(objects())
    answers = await asyncio.gather(*(upload("a.csv", CSV, key="ten") for _ in range(8)))

    assert {answer.status_code for answer in answers} <= {202, 409}
    assert len({answer.content for answer in answers if answer.status_code == 202}) == 1
    assert (len(await rows()), len(objects())) == (rows_before + 1, objects_before + 1)


async def test_the_largest_file_is_taken_and_one_byte_more_is_not(upload, nothing_kept):
    largest = b"a" * MOST
    assert (await upload("a.csv", largest)).status_code == 202

    check = await nothing_kept()
    answer = await upload("a.csv", largest + b"a")

    assert (answer.status_code, answer.json()["code"]) == (413, "upload.too-large")
    await check()


async def test_an_import_is_there_from_the_answer_on(upload, admin):
    """Its owner is away here; see the stand-in's own tests for an owner that does not know it."""
    made = await upload("a.csv", CSV)
    answer = await admin.get(made.headers["location"])

    assert answer.status_code == 503


async def test_who_uploaded_it_is_kept_with_what_they_may_do(upload, signed_in, published):
    planner: httpx.AsyncClient = await signed_in("planner-up", "PLANNER", "OPERATOR")
    answer = await upload("a.csv", CSV, client=planner)
    state = (await published(FileUploaded))[-1].state

    assert answer.status_code == 202
    assert state.roles == ("OPERATOR", "PLANNER")
    assert state.uploaded_by == (await planner.get("/api/v1/me")).json()["id"]
