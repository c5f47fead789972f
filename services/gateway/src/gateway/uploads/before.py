"""An import before its owner knows of it: answered from the row of its upload, instead of the owner's 404."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

import orjson
from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Scope

from gateway.uploads.queries import as_import
from plantkit.context import Context
from plantkit.errors import DomainError
from plantkit.http.etag import etag
from takt_contracts.imports.jobs import Import, ImportState

_PATH = re.compile(r"/api/v1/imports/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(/stream)?")
_ASK_EVERY_S = 0.25
_TRIES = 240
_STILL_HERE = b": the import has not begun yet\n\n"
_ARRIVED = {"state": ImportState.UPLOADED, "read": 0, "validated": 0, "sent": 0, "answered": 0}
"""Progress as the owner tells it."""


class Answer(Protocol):
    """What the owner answers when it is asked again."""

    @property
    def status(self) -> int: ...

    def aiter_stream(self) -> AsyncIterator[bytes]: ...


Again = Callable[[], AbstractAsyncContextManager[Answer]]


async def instead_of_404(scope: Scope, again: Again) -> Response | None:
    """The import as it arrived, or a stream that begins as soon as the owner knows it; None where nothing arrived."""
    path = _PATH.fullmatch(scope["path"])
    if path is None:
        return None
    context: Context = scope["app"].state.context
    known = await as_import(context.db, UUID(path[1]))
    if known is None:
        return None
    if path[2]:
        return StreamingResponse(_stream(again, known), media_type="text/event-stream")
    headers = {"etag": etag(known.version)}
    return Response(known.model_dump_json(), headers=headers, media_type="application/json")


async def _stream(again: Again, known: Import) -> AsyncIterator[bytes]:
    """The owner's stream from its beginning. Ends where the owner is away; a client comes back by itself."""
    arrived = {**_ARRIVED, "totals": known.totals.model_dump()}
    yield b"event: progress\ndata: " + orjson.dumps(arrived) + b"\n\n"
    for number in range(_TRIES):
        if number % 20 == 19:
            yield _STILL_HERE
        await asyncio.sleep(_ASK_EVERY_S)
        try:
            async with again() as answer:
                if answer.status == 200:
                    async for chunk in answer.aiter_stream():
                        yield chunk
                if answer.status != 404:
                    return
        except DomainError:
            return
