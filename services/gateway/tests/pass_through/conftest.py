"""An owner that tells what it received, served over a real socket on loopback."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

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


@asynccontextmanager
async def serving(app: Any, port: int = 0) -> AsyncIterator[str]:
    """`app` on a real port; its base URL."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle on
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - the server has no event to wait for
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.force_exit = server.should_exit = True
        await running
        listener.close()


@pytest.fixture(scope="module")
async def owner_url() -> AsyncIterator[str]:
    async with serving(owner) as url:
        yield url


@pytest.fixture(scope="module")
def more_settings(owner_url: str) -> dict[str, object]:
    return {"operations_url": owner_url, "pass_through_max_bytes": 200_000}
