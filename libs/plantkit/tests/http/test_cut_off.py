"""An answer that was begun and cannot be finished: its reader learns so, and nobody reads of a bug."""

from collections.abc import AsyncIterator

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from structlog.testing import capture_logs

from plantkit.errors import Unavailable
from plantkit.http import problems
from plantkit.http.middleware import RequestScope
from plantkit.observability.metrics import CUT_OFF
from plantkit.testing.serving import serving

FAILURES = {
    "refused": Unavailable("The log cannot be read."),
    "lost": asyncpg.ConnectionDoesNotExistError("gone"),
    "busy": asyncpg.QueryCanceledError("late"),
    "bug": ZeroDivisionError("ours"),
}
app = FastAPI()
problems.install(app)
app.add_middleware(RequestScope)


@app.get("/{why}")
async def breaks_off(why: str) -> StreamingResponse:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a part"
        raise FAILURES[why]

    return StreamingResponse(pieces())


@pytest.fixture(scope="module")
async def caller() -> AsyncIterator[httpx.AsyncClient]:
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.mark.parametrize("why", ["refused", "lost", "busy"])
async def test_the_reader_of_a_part_does_not_take_it_for_the_whole(caller, caplog, why):
    error = type(FAILURES[why]).__name__
    before = CUT_OFF.labels(error)._value.get()

    with capture_logs() as said, pytest.raises(httpx.TransportError):
        await caller.get(f"/{why}")

    assert [(line["event"], line["error"]) for line in said if "error" in line] == [("http.cut_off", error)]
    assert CUT_OFF.labels(error)._value.get() == before + 1
    assert caplog.records == []


async def test_a_bug_is_told_as_one(caller, caplog):
    with capture_logs() as said, pytest.raises(httpx.TransportError):
        await caller.get("/bug")

    assert "http.cut_off" not in [line["event"] for line in said]
    assert "ZeroDivisionError" in caplog.text
