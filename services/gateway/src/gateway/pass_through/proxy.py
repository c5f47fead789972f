"""Carries one request to its owner and the answer back, without reading either."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import httpcore
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.pass_through.errors import OwnerAway
from gateway.pass_through.rules import Header, declared_length, homeward, onward, owner_of
from gateway.pass_through.upstream import Body, Upstreams
from plantkit.errors import Malformed
from plantkit.http.errors import NoSuchPath, TooLarge

Added = Callable[[Scope], list[Header]]
"""Headers that the door itself adds: request id, trace, where the caller is."""

StandIn = Callable[[Scope, Callable[[], AbstractAsyncContextManager[httpcore.Response]]], Awaitable[ASGIApp | None]]
"""Asked about a GET that the owner answers with 404: what to answer instead, None for the 404. It may ask again."""


async def nobody(scope: Scope, again: object) -> None:
    """Nobody stands in."""


class PassThrough:
    """An ASGI endpoint for `/api/v1/<plural>/...`. `admit` refuses who may not come in, before anything is sent on."""

    def __init__(
        self,
        upstreams: Upstreams,
        owners: Callable[[str], str | None],
        *,
        admit: Callable[[Scope], Awaitable[None]],
        added: Added,
        most_bytes: int,
        stand_in: StandIn = nobody,
    ) -> None:
        self._upstreams, self._owners, self._stand_in = upstreams, owners, stand_in
        self._admit, self._added, self._most_bytes = admit, added, most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        owner = owner_of(scope["raw_path"], self._owners)
        if owner is None or owner not in self._upstreams.names:
            raise NoSuchPath("There is nothing at this path.")
        length = self._length(scope["headers"])
        await self._admit(scope)
        body = await self._body(receive, length)
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        headers = onward(scope["headers"]) + self._added(scope) + _framing(body, length)
        method = scope["method"].encode("ascii")
        ask = partial(self._upstreams.ask, owner, method, target, headers, body)
        async with ask() as answer:
            instead = await self._stand_in(scope, ask) if answer.status == 404 and method == b"GET" else None
            if instead is None:
                await _carry_home(owner, answer, receive, send)
        if instead is not None:
            await instead(scope, receive, send)

    def _length(self, headers: list[Header]) -> int | None:
        try:
            length = declared_length(headers)
        except ValueError as wrong:
            raise Malformed(f"{wrong}.") from None
        if length is not None and length > self._most_bytes:
            raise TooLarge(f"A body may have at most {self._most_bytes} bytes.")
        return length

    async def _body(self, receive: Receive, length: int | None) -> Body:
        """The body whole when it came in one piece, as nearly all do; else a bounded stream."""
        first = await receive()
        if first["type"] == "http.disconnect" or not first.get("more_body", False):
            return bytes(first.get("body", b""))
        return self._stream(first, receive)

    async def _stream(self, message: Message, receive: Receive) -> AsyncIterator[bytes]:
        seen = 0
        while True:
            if message["type"] == "http.disconnect":
                raise httpcore.ReadError("the caller went away")
            seen += len(message.get("body", b""))
            if seen > self._most_bytes:
                raise TooLarge(f"A body may have at most {self._most_bytes} bytes.")
            yield message.get("body", b"")
            if not message.get("more_body", False):
                return
            message = await receive()


def _framing(body: Body, length: int | None) -> list[Header]:
    if isinstance(body, bytes):
        return [(b"content-length", str(len(body)).encode())] if body or length is not None else []
    return [(b"transfer-encoding", b"chunked")] if length is None else [(b"content-length", str(length).encode())]


async def _carry_home(owner: str, answer: httpcore.Response, receive: Receive, send: Send) -> None:
    headers = homeward(answer.headers)
    copying = _copy(owner, answer, {"type": "http.response.start", "status": answer.status, "headers": headers}, send)
    if any(name == b"content-length" for name, _ in headers):
        await copying
    else:
        await _while_listening(copying, receive)


async def _copy(owner: str, answer: httpcore.Response, start: Message, send: Send) -> None:
    """The head goes out with the first bytes of the body: an owner that breaks off before them can be refused for."""
    held = [start]
    try:
        async for chunk in answer.aiter_stream():
            for message in (*held, {"type": "http.response.body", "body": chunk, "more_body": True}):
                await send(message)
            held = []
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as broken:
        raise OwnerAway(owner) from broken
    for message in (*held, {"type": "http.response.body", "body": b"", "more_body": False}):
        await send(message)


async def _while_listening(work: Awaitable[None], receive: Receive) -> None:
    """Do `work` until it is done or the caller has gone: an answer of unknown length may have no end."""
    copying, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({copying, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if copying.done():
            copying.result()
    finally:
        for task in (copying, leaving):
            task.cancel()
        await asyncio.gather(copying, leaving, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
