"""Requests that never quite arrive do not hold a connection; slow answers do."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from plantkit.http.patience import PatientProtocol
from plantkit.testing.serving import serving


class Hurried(PatientProtocol):
    headers_s = 0.4
    body_s = 0.4
    slowest_bytes_per_s = 100_000_000
    most_header_bytes = 2_000


async def answer(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body", False):
        pass
    await asyncio.sleep(0.6 if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture(scope="module")
async def port() -> AsyncIterator[int]:
    async with serving(answer, http=Hurried) as url:
        yield urlsplit(url).port or 0


async def talk(port: int, first: bytes, then: bytes = b"", every_s: float = 0.1) -> bytes:
    """Send `first`, then `then` byte by byte; all that was answered until the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)

    async def trickle() -> None:
        for byte in then:
            await asyncio.sleep(every_s)
            writer.write(bytes([byte]))

    trickling = asyncio.create_task(trickle())
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        trickling.cancel()
        writer.close()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\n", b"x-slow: " + b"y" * 100),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n", b"z" * 100),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx-big: " + b"y" * 3000 + b"\r\n", b""),
    ],
    ids=["nothing", "headers by the byte", "a body by the byte", "a body that never comes", "headers without end"],
)
async def test_what_does_not_arrive_is_hung_up_on(port, first, then):
    started = asyncio.get_running_loop().time()

    assert await talk(port, first, then) == b""
    assert asyncio.get_running_loop().time() - started < 2


async def test_a_slow_answer_is_waited_for(port):
    told = await talk(port, b"GET /slow HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    assert told.startswith(b"HTTP/1.1 200")


async def test_a_second_request_on_the_same_line_has_its_own_time(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.3)
    writer.close()
