"""An import before its owner knows of it, and from then on."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from plantkit.ids import new_id
from plantkit.testing.serving import serving

from .conftest import CSV

pytestmark = pytest.mark.db


class Owner:
    """Knows the imports that it is told of; says `mapped` of them."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        parts = scope["path"].split("/")
        known = parts[4] in self.known
        body = b'{"code": "resource.not-found"}'
        if known:
            body = b"data: mapped\n\n" if parts[-1] == "stream" else b'{"state": "mapped"}'
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if known else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def owner() -> Owner:
    return Owner()


@pytest.fixture(scope="module")
async def owner_url(owner: Owner) -> AsyncIterator[str]:
    async with serving(owner) as url:
        yield url


@pytest.fixture(scope="module")
def more_settings(owner_url: str) -> dict[str, object]:
    return {"imports_url": owner_url}


@pytest.fixture(scope="module")
async def door(app: Any) -> AsyncIterator[str]:
    async with serving(app) as url:
        yield url


async def test_it_is_uploaded_until_its_owner_says_more(upload, admin, owner):
    made = await upload("a.csv", CSV, mode="commit")
    before = await admin.get(made.headers["location"])
    owner.known.add(made.json()["id"])
    after = await admin.get(made.headers["location"])

    assert (before.status_code, before.headers["etag"]) == (200, '"1"')
    assert before.json() == made.json()
    assert after.json() == {"state": "mapped"}


@pytest.mark.parametrize("rest", ["", "/stream", "/rows"])
async def test_what_nobody_uploaded_stays_the_owner_s_404(admin, rest):
    answer = await admin.get(f"/api/v1/imports/{new_id()}{rest}")

    assert (answer.status_code, answer.json()) == (404, {"code": "resource.not-found"})


async def test_what_lies_below_an_import_is_the_owner_s_alone(upload, admin):
    made = await upload("a.csv", CSV)

    assert (await admin.get(f"{made.headers['location']}/rows")).status_code == 404
    assert (await admin.post(f"{made.headers['location']}/commit")).status_code == 404


async def test_its_stream_begins_when_the_owner_knows_it(upload, admin, owner, door):
    made = await upload("a.csv", CSV)
    told = b""
    async with (
        httpx.AsyncClient(base_url=door, headers=admin.headers, timeout=10) as client,
        client.stream("GET", made.headers["location"] + "/stream") as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        async for piece in answer.aiter_raw():
            told += piece
            owner.known.add(made.json()["id"])

    assert told.startswith(b'event: progress\ndata: {"state":"uploaded","read":0')
    assert told.endswith(b"data: mapped\n\n")


async def test_a_reader_who_leaves_takes_the_stream_along(upload, admin, door, app):
    made = await upload("a.csv", CSV)
    async with (
        httpx.AsyncClient(base_url=door, headers=admin.headers, timeout=10) as client,
        client.stream("GET", made.headers["location"] + "/stream") as answer,
    ):
        async for _ in answer.aiter_raw():
            break
    pool = app.state.upstreams._pool

    async with asyncio.timeout(30):
        while any(not one.is_idle() and not one.is_closed() for one in pool.connections):  # noqa: ASYNC110 - of a library
            await asyncio.sleep(0.02)


async def test_the_document_says_what_a_form_holds(app):
    document = json.loads(json.dumps(app.openapi()))
    told = document["paths"]["/api/v1/templates/{id}/uploads"]["post"]

    schema = told["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(schema["properties"]) == {"file", "mode", "atomic", "on_duplicate", "target"}
    assert {"202", "400", "401", "403", "404", "413", "415", "422", "429", "503"} <= set(told["responses"])
    [key] = [one for one in told["parameters"] if one["name"] == "Idempotency-Key"]
    assert key["required"]
