"""Files that no plant should send: refused or reported by cell with a code; the next good one is served at once."""

import asyncio
import io
import time
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from takt_contracts.envelope import Envelope
from tests.e2e.evidence import left_behind
from tests.e2e.plant import API, Plant, code, planted
from tests.e2e.road import XLSX, Road, changed, sums_up, workbook
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.broker
HEADER = ("Item", "Name", "Unit")
_AT_ONCE_S = 10.0


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


async def serves_the_next_one(road: Road) -> None:
    """A good file, at once."""
    started = time.monotonic()
    key = code("NEXT")
    done = await road.imported("items", "good.xlsx", workbook(HEADER, [(key, "Good", "pcs")]))
    assert (done["state"], done["totals"]["created"]) == ("done", 1), done
    assert time.monotonic() - started < _AT_ONCE_S


def rebuilt(change: Callable[[str, bytes], bytes | None], **added: bytes) -> bytes:
    """A sound workbook whose parts went through `change`; None leaves a part out."""
    sound = zipfile.ZipFile(io.BytesIO(workbook(HEADER, [("A-1", "One", "pcs"), ("A-2", "Two", "pcs")])))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for part in sound.namelist():
            content = change(part, sound.read(part))
            if content is not None:
                made.writestr(part, content)
        for part, content in added.items():
            made.writestr(part.replace("__", "/"), content)
    return file.getvalue()


def in_part(end: str, old: bytes, new: bytes) -> bytes:
    def change(part: str, content: bytes) -> bytes:
        if part.endswith(end):
            assert old in content
            return content.replace(old, new, 1)
        return content

    return rebuilt(change)


def corner_cells() -> bytes:
    cells = b'<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return rebuilt(
        lambda part, content: (
            content[: content.index(b"<sheetData>")] + cells + b"</sheetData></worksheet>"
            if part.endswith("sheet1.xml")
            else content
        )
    )


def zip_bomb() -> bytes:
    return in_part("sheet1.xml", b"<sheetData>", b"<sheetData>" + b" " * (600 * 1024 * 1024))


_DOCTYPE = b'<!DOCTYPE bomb [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
PARSED: dict[str, Callable[[], bytes]] = {
    "two corner cells": corner_cells,
    "row 999,999,999": lambda: in_part("sheet1.xml", b'<row r="3"', b'<row r="999999999"'),
    "a lying shared-string count": lambda: in_part("sharedStrings.xml", b'uniqueCount="', b'uniqueCount="4000000000'),
    "an entity bomb": lambda: in_part("sharedStrings.xml", b"<sst", _DOCTYPE + b"<sst"),
    "no sheet": lambda: rebuilt(lambda part, content: None if part.endswith("sheet1.xml") else content),
    "a second sheet of the same name": lambda: rebuilt(
        lambda part, content: content, **{"xl__worksheets__SHEET1.xml": b"<worksheet/>"}
    ),
    "zip cut half-way": lambda: workbook(HEADER, [("A-1", "One", "pcs")])[:-200],
    "noise behind a zip's first bytes": lambda: b"PK\x03\x04" + bytes(range(256)) * 40,
}


REASONS = {
    "two corner cells": "limit.columns",
    "row 999,999,999": "limit.rows",
    "a lying shared-string count": "limit.strings",
    "an entity bomb": "file.doctype",
    "no sheet": "file.damaged",
    "a second sheet of the same name": "file.parts-ambiguous",
    "zip cut half-way": "file.damaged",
    "noise behind a zip's first bytes": "file.damaged",
}


@pytest.mark.parametrize("name", PARSED)
async def test_a_hostile_workbook_fails_with_a_reason(road: Road, name: str) -> None:
    answer = await road.upload("items", "hostile.xlsx", PARSED[name](), mode="commit")

    assert answer.status_code == 202, answer.text
    failed = await road.settled(answer.headers["location"], ("done", "failed"), _AT_ONCE_S * 2)
    assert (failed["state"], failed["reason"]["code"]) == ("failed", REASONS[name])
    assert len(failed["reason"]["detail"]) > 10
    assert changed(failed["totals"]) == 0
    await serves_the_next_one(road)


async def test_a_zip_bomb_is_stopped_by_what_it_really_holds(road: Road) -> None:
    failed = await road.imported("items", "bomb.xlsx", zip_bomb())

    assert (failed["state"], failed["reason"]["code"]) == ("failed", "limit.ratio")
    assert changed(failed["totals"]) == 0
    await serves_the_next_one(road)


ENCRYPTED = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(4088)
AT_THE_DOOR: dict[str, tuple[str, bytes, str, int]] = {
    "not a workbook": ("picture.xlsx", b"\x89PNG\r\n\x1a\n" + bytes(100), XLSX, 415),
    "encrypted": ("secret.xlsx", ENCRYPTED, XLSX, 415),
    "empty": ("empty.xlsx", b"", XLSX, 422),
    "an old one": ("old.xls", ENCRYPTED, "application/vnd.ms-excel", 415),
    "another extension": ("orders.pdf", b"%PDF-1.7", "application/pdf", 415),
    "a page named workbook": ("page.xlsx", b"<!doctype html><title>Sign in</title>", XLSX, 415),
}


@pytest.mark.parametrize("name", AT_THE_DOOR)
async def test_the_door_refuses_what_is_no_workbook(road: Road, tables: Any, name: str) -> None:
    file_name, content, kind, status = AT_THE_DOOR[name]
    before = await left_behind(tables)
    headers = {**road.headers, "idempotency-key": str(uuid4())}

    files = {"file": (file_name, content, kind)}
    answer = await road.client.post(f"{API}/templates/items/uploads", files=files, headers=headers)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert await left_behind(tables) == before
    await serves_the_next_one(road)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.csv", "a\r\nX-Evil: 1.csv", "a\x00b.csv", "x" * 300 + ".csv", "\u202evsc.csv"]
)
async def test_a_file_name_is_a_name_and_never_a_path(road: Road, stack: Stack, name: str) -> None:
    key = code("NAME")
    answer = await road.upload("items", name, f"Item,Name\n{key},One\n".encode(), mode="commit")

    if answer.status_code == 202:
        done = await road.settled(answer.headers["location"], ("done", "failed"))
        assert done["state"] == "done"
        assert not any(sign in done["file_name"] for sign in "\r\n\x00/\\\u202e")
    else:
        assert answer.status_code in (400, 422), answer.text
    assert not (stack.data / "etc").exists()


SHEETS: dict[str, tuple[str, str]] = {
    "unknown columns": ("colour;weight\nred;7\n", "failed"),
    "missing columns": ("Name\tUnit\nOne\tpcs\n", "done"),  # the name becomes the code
    "duplicate columns": ("Item,Item,Name\nA,B,One\n", "failed"),
    "a header and nothing else": ("Item,Name\n", "done"),
}


@pytest.mark.parametrize("name", SHEETS)
async def test_columns_that_do_not_fit_are_said_so(road: Road, name: str) -> None:
    content, state = SHEETS[name]
    ended = await road.imported("items", "sheet.csv", content.encode())

    assert ended["state"] == state, ended
    if state == "failed":
        assert ended["reason"]["code"].startswith(("columns.", "header."))
    assert sums_up(ended["totals"])


async def test_error_cells_are_told_apart_from_empty_ones(road: Road) -> None:
    keys = [code("CELL") for _ in range(3)]
    sound = workbook(HEADER, [(keys[0], "One", "pcs"), (keys[1], "#VALUE", "pcs"), (keys[2], "Three", "")])
    book = zipfile.ZipFile(io.BytesIO(sound))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        for part in book.namelist():
            content = book.read(part)
            if part.endswith("sheet1.xml"):
                start = content.index(b'<c r="B3"')
                end = content.index(b"</c>", start) + 4
                content = content[:start] + b'<c r="B3" t="e"><v>#N/A</v></c>' + content[end:]
            made.writestr(part, content)

    done = await road.imported("items", "cells.xlsx", file.getvalue())

    assert (done["totals"]["created"], done["totals"]["rejected"]) == (2, 1)
    [row] = await road.rows(done["id"], state="rejected")
    assert (row["errors"][0]["letter"], row["errors"][0]["code"]) == ("B", "cell.error")


@pytest.mark.parametrize("reference", ["http://127.0.0.1:1/x", "/etc/passwd", "inbox/../../etc/passwd", "outbox/file"])
async def test_a_reference_that_leads_outside_is_parked(road: Road, stack: Stack, tables: Any, reference: str) -> None:
    key = str(uuid4())
    state = {
        "id": key, "file_name": "x.csv", "dataref": reference, "bytes": 5, "sha256": "0" * 64, "template": "items",
        "uploaded_by": "somebody", "roles": ["ADMIN"], "uploaded_at": "2026-03-02T06:30:00Z",
    }  # fmt: skip
    envelope = Envelope(id=key, source="/plants/elsewhere/erp", type="takt.file.uploaded.v1", subject=key)
    producer = AIOKafkaProducer(bootstrap_servers=stack.status["kafka"])
    await producer.start()
    headers = [(name, value.encode()) for name, value in envelope.to_headers().items()]
    value = httpx.Request("POST", "http://x", json={"version": 1, "state": state}).content
    await producer.send_and_wait("takt.inbound.file", value, key=key.encode(), headers=headers)
    await producer.stop()

    async def parked() -> Any:
        query = "SELECT reason_code, state FROM imports.parked WHERE key = $1 AND state = 'parked'"
        return await tables.fetchrow(query, key.encode())

    found = await until(parked, 20)
    assert found["reason_code"] == "file.reference-refused"
    assert await tables.fetchval("SELECT count(*) FROM imports.imports WHERE id = $1::uuid", key) == 0
    await serves_the_next_one(road)


async def test_a_connection_cut_half_way_leaves_nothing(road: Road, stack: Stack, tables: Any) -> None:
    before = await left_behind(tables), await tables.fetchval("SELECT count(*) FROM gateway.uploads")
    host, port = stack.gateway.removeprefix("http://").split(":")
    request = (
        f"POST {API}/templates/items/uploads HTTP/1.1\r\nhost: {host}\r\n"
        f"authorization: {road.headers['authorization']}\r\nidempotency-key: {uuid4()}\r\n"
        "content-type: multipart/form-data; boundary=b\r\ncontent-length: 100000\r\n\r\n"
        '--b\r\ncontent-disposition: form-data; name="file"; filename="cut.csv"\r\ncontent-type: text/csv\r\n\r\n'
        "Item,Name\nA-1,One\n"
    )
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(request.encode() + b"x" * 5000)
    await writer.drain()
    writer.transport.abort()

    await asyncio.sleep(1)
    assert (await left_behind(tables), await tables.fetchval("SELECT count(*) FROM gateway.uploads")) == before
    await serves_the_next_one(road)
