"""An owner that tells what it received, served over a real socket on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from plantkit.testing.serving import serving

PIECES = 40


async def owner(scope: Scope, receive: Receive, send: Send) -> None:
    """Echoes the request; `/big` streams, `/endless` never ends, `/refuse` is a refusal of the owner's own."""
    if scope["type"] != "http":
        return
    path = scope["path"].rpartition("/")[2]
    if path == "endless":
        await _stream(send, None)
    elif path == "big":
        await _stream(send, PIECES)
    else:
        await _echo(scope, receive, send, 409 if path == "refuse" else 200)


async def _echo(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    body, sizes = b"", []
    while True:
        message = await receive()
        body += message.get("body", b"")
        sizes.append(len(message.get("body", b"")))
        if not message.get("more_body", False):
            break
    told = {
        "method": scope["method"],
        "target": scope["raw_path"].decode() + "?" + scope["query_string"].decode(),
        "headers": [[name.decode(), value.decode()] for name, value in scope["headers"]],
        "bytes": len(body),
        "pieces": len(sizes),
    }
    answer = json.dumps(told).encode()
    headers = [
        (b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode()), (b"etag", b'"7"'),
        (b"connection", b"x-hop"), (b"x-hop", b"1"), (b"x-request-id", b"the-owner-s-own"),
    ]  # fmt: skip
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def _stream(send: Send, pieces: int | None) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    number = 0
    while pieces is None or number < pieces:
        await send({"type": "http.response.body", "body": b"data: x\n\n" * 1000, "more_body": True})
        number += 1
        await asyncio.sleep(0.005 if pieces is None else 0)
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture(scope="module")
async def owner_url() -> AsyncIterator[str]:
    async with serving(owner) as url:
        yield url


@pytest.fixture(scope="module")
def more_settings(owner_url: str) -> dict[str, object]:
    return {"operations_url": owner_url, "pass_through_max_bytes": 200_000}
