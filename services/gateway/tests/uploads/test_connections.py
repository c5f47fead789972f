"""Callers that hang up, lie or dawdle, over real sockets: nothing is kept of them, and the next one is served."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import pytest

from plantkit.http.patience import PatientProtocol
from plantkit.ids import new_id
from plantkit.testing.serving import serving

from .conftest import CSV, MOST
from .test_handing_in import form

pytestmark = pytest.mark.db
PATH = "/api/v1/templates/items/uploads"


class Hurried(PatientProtocol):
    """As every service serves, but a test cannot wait for half a minute."""

    headers_s = 1.0
    body_s = 1.0
    slowest_bytes_per_s = 100_000_000


@pytest.fixture(scope="module")
async def door(app) -> AsyncIterator[str]:
    async with serving(app, http=Hurried) as url:
        yield url


@pytest.fixture
def request_head(admin):
    def make(**more: str) -> bytes:
        told = {
            "Host": "takt", "Authorization": admin.headers["authorization"], "Idempotency-Key": str(new_id()),
            "Content-Type": "multipart/form-data; boundary=b", **{name.replace("_", "-"): more[name] for name in more},
        }  # fmt: skip
        lines = [f"POST {PATH} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
        return "\r\n".join(lines).encode()

    return make


async def served(door, admin):
    """A good file is taken at once."""
    sent = {"idempotency-key": str(new_id()), "authorization": admin.headers["authorization"]}
    async with httpx.AsyncClient(base_url=door, timeout=5) as client:
        answer = await client.post(PATH, files={"file": ("good.csv", CSV)}, headers=sent)
    assert answer.status_code == 202


async def connection(door):
    address = urlsplit(door)
    return await asyncio.open_connection(address.hostname, address.port)


BODY = form([("mode", None, b"plan"), ("file", "cut.csv", CSV * 4000)], "b")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
async def test_a_connection_cut_half_way_leaves_nothing(door, admin, request_head, nothing_kept, objects, rows, share):
    check = await nothing_kept()
    _, writer = await connection(door)
    writer.write(request_head(Content_Length=str(len(BODY))) + BODY[: int(len(BODY) * share)])
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.transport.abort()
    await asyncio.sleep(0.3)

    await check()
    await served(door, admin)


async def test_a_chunked_body_that_breaks_off_leaves_nothing(door, admin, request_head, nothing_kept):
    check = await nothing_kept()
    _, writer = await connection(door)
    writer.write(request_head(Transfer_Encoding="chunked") + b"%x\r\n" % len(BODY) + BODY[:5000])
    await writer.drain()
    writer.transport.abort()
    await asyncio.sleep(0.3)

    await check()
    await served(door, admin)


async def test_more_bytes_declared_than_sent_ends_with_the_patience_of_the_door(
    door, admin, request_head, nothing_kept
):
    check = await nothing_kept()
    reader, writer = await connection(door)
    writer.write(request_head(Content_Length=str(len(BODY) + 1000)) + BODY)
    await writer.drain()
    answered = await asyncio.wait_for(reader.read(), 5)
    writer.close()

    assert b"202" not in answered[:20]
    await asyncio.sleep(0.1)
    await check()
    await served(door, admin)


async def test_fewer_bytes_declared_than_sent_is_a_form_without_end(door, admin, request_head, nothing_kept):
    check = await nothing_kept()
    reader, writer = await connection(door)
    writer.write(request_head(Content_Length=str(len(BODY) - 500)) + BODY)
    await writer.drain()
    answered = await asyncio.wait_for(reader.read(20), 5)
    writer.close()

    assert b" 400 " in answered
    await asyncio.sleep(0.1)
    await check()
    await served(door, admin)


async def test_a_body_that_never_ends_is_refused_when_it_is_too_long(door, admin, request_head, nothing_kept):
    check = await nothing_kept()
    reader, writer = await connection(door)
    start = form([("file", "a.csv", b"")], "b").rpartition(b"\r\n--b--")[0]
    writer.write(request_head(Transfer_Encoding="chunked") + b"%x\r\n%s\r\n" % (len(start), start))
    piece = b"a" * 50_000
    for _ in range(MOST // len(piece) + 2):
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
    answered = await asyncio.wait_for(reader.read(20), 5)
    writer.transport.abort()

    assert b" 413 " in answered
    await check()
    await served(door, admin)


async def test_a_body_that_dawdles_is_let_go(door, admin, request_head, nothing_kept):
    check = await nothing_kept()
    reader, writer = await connection(door)
    writer.write(request_head(Content_Length=str(len(BODY))) + BODY[:3000])

    async def dawdle() -> None:
        for sign in BODY[3000:]:
            writer.write(bytes([sign]))
            await asyncio.sleep(0.05)

    dawdling = asyncio.create_task(dawdle())
    try:
        assert await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        pass
    finally:
        dawdling.cancel()
        writer.transport.abort()
    await asyncio.sleep(0.2)

    await check()
    await served(door, admin)
