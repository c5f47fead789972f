"""What the caller hears when the owner is away, and when it comes back."""

import asyncio
import socket
import struct
import threading
from contextlib import suppress

import httpx
import pytest
import uvloop
from structlog.testing import capture_logs

from gateway.pass_through.errors import OwnerAway
from gateway.pass_through.upstream import Upstreams
from plantkit.ids import new_id
from plantkit.testing.serving import serving

from .conftest import owner

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


@pytest.fixture(scope="module")
def more_settings(port: int) -> dict[str, object]:
    return {"operations_url": f"http://127.0.0.1:{port}"}


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_an_owner_that_is_down_is_503_with_a_time_to_come_back(admin, method):
    answer = await admin.request(method, "/api/v1/items")

    assert (answer.status_code, answer.json()["code"]) == (503, "service.away")
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["service"] == "operations"


async def test_it_works_again_once_the_owner_is_back_however_often(admin, port):
    for _ in range(3):
        async with serving(owner, port):
            assert (await admin.get("/api/v1/items")).status_code == 200
        assert (await admin.get("/api/v1/items")).status_code == 503


async def test_an_owner_that_hangs_up_in_the_middle_is_503(admin, port):
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", port):
        answer = await admin.post("/api/v1/items", json={"code": str(new_id())})

    assert answer.status_code == 503


def resetting(listening: socket.socket) -> None:
    """Resets each connection as soon as it is there, as a process does that dies with a full backlog."""
    while True:
        with suppress(OSError):
            accepted, _ = listening.accept()
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            accepted.close()
        if listening.fileno() < 0:
            return


def test_an_owner_that_resets_connections_as_they_come_is_away():
    """On the event loop that services run on: it lets go of such a socket while the client still asks about it."""

    async def ask(upstreams: Upstreams) -> str:
        try:
            async with upstreams.ask("operations", b"GET", b"/items", []):
                return "answered"
        except OwnerAway:
            return "away"

    async def asked(url: str) -> set[str]:
        upstreams = Upstreams({"operations": url})
        found = {one for _ in range(10) for one in await asyncio.gather(*(ask(upstreams) for _ in range(50)))}
        await upstreams.close()
        return found

    with socket.create_server(("127.0.0.1", 0), backlog=500) as listening:
        threading.Thread(target=resetting, args=(listening,), daemon=True).start()
        found = uvloop.run(asked(f"http://127.0.0.1:{listening.getsockname()[1]}"))
        listening.shutdown(socket.SHUT_RDWR)
    assert found == {"away"}


async def test_an_owner_that_talks_nonsense_is_503(admin, port):
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"SSH-2.0-nonsense\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", port):
        assert (await admin.get("/api/v1/items")).status_code == 503


def breaking_off(after: bytes):
    async def break_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + after)
        await writer.drain()
        writer.close()

    return break_off


@pytest.mark.parametrize("framing", [b"content-length: 100\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"])
async def test_an_owner_that_breaks_off_before_its_first_byte_is_503(admin, port, framing):
    async with await asyncio.start_server(breaking_off(framing), "127.0.0.1", port):
        answer = await admin.get("/api/v1/items")

    assert (answer.status_code, answer.json()["code"]) == (503, "service.away")


@pytest.mark.parametrize(
    "sent", [b'content-length: 100\r\n\r\n{"items": [', b'transfer-encoding: chunked\r\n\r\nb\r\n{"items": [\r\n']
)
async def test_an_answer_that_its_owner_broke_off_is_never_taken_for_the_whole(app, admin, port, sent):
    async with (
        serving(app) as door,
        httpx.AsyncClient(base_url=door, headers=admin.headers) as caller,
        await asyncio.start_server(breaking_off(sent), "127.0.0.1", port),
    ):
        with capture_logs() as said, pytest.raises(httpx.TransportError):
            await caller.get("/api/v1/items")

    told = [line["event"] for line in said if line["event"] != "stream.broker_away" and line["log_level"] != "info"]
    assert told == ["http.cut_off"]
