"""The stream as a client sees it, over a real socket and a real broker."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaProducer

from plantkit.ids import new_id
from plantkit.messaging.provision import ensure_topics
from plantkit.testing.serving import serving
from services.gateway.tests.conftest import credentials, new_user

pytestmark = [pytest.mark.db, pytest.mark.broker]
PATH = "/api/v1/events/stream"
ITEM, AUDIT = "takt.operations.item", "takt.operations.audit"
OURS = f"S-{new_id().hex[-12:]}"  # the broker is everybody's: other tests tell what is theirs meanwhile


@pytest.fixture(scope="module")
async def more_settings(kafka_bootstrap: str) -> dict[str, object]:
    await ensure_topics(kafka_bootstrap)
    return {"kafka_bootstrap": kafka_bootstrap, "streams": 3}


@pytest.fixture(scope="module")
async def door(app) -> AsyncIterator[str]:
    async with asyncio.timeout(40):
        while not app.state.streams.hub.is_reading:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)
    async with serving(app) as url:
        yield url


@pytest.fixture(scope="module")
async def viewer(admin, anonymous) -> dict[str, str]:
    """Headers of somebody who is no administrator."""
    await new_user(admin, "viewer", "VIEWER")
    tokens = (await anonymous.post("/api/v1/auth/login", json=credentials("viewer"))).json()
    return {"authorization": f"Bearer {tokens['access_token']}"}


@pytest.fixture
async def tell(kafka_bootstrap: str):
    async with AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, acks="all") as producer:

        async def send(topic: str, fact: str) -> str:
            subject = f"{OURS}-{new_id().hex[-12:]}"
            named = {"specversion": "1.0", "id": str(new_id()), "source": "/plants/test/x", "subject": subject}
            named["type"] = f"{topic}.{fact}.v1"
            headers = [(f"ce_{name}", value.encode()) for name, value in named.items()]
            await producer.send_and_wait(topic, b'{"version": 1, "state": {}}', key=subject.encode(), headers=headers)
            return subject

        yield send


class Frames:
    """Reads a stream's answer frame by frame."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()
        self.position: str | None = None

    async def connected(self) -> None:
        while self.position is None:
            await self._frame()

    async def event(self) -> dict[str, Any]:
        """The next one that this module told."""
        while True:
            fields = await self._frame()
            if "data" in fields:
                event: dict[str, Any] = orjson.loads(fields["data"])
                assert fields["event"] == event["type"]
                if event["subject"].startswith(OURS):
                    return event

    async def _frame(self) -> dict[str, str]:
        fields: dict[str, str] = {}
        async with asyncio.timeout(30):
            while line := await anext(self._lines):
                name, _, value = line.partition(": ")
                fields[name] = value
        self.position = fields.get("id", self.position)
        return fields


async def test_what_is_told_arrives_as_a_cloud_event(door, viewer, tell):
    async with httpx.AsyncClient(base_url=door, headers=viewer) as client, client.stream("GET", PATH) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        frames = Frames(answer)
        await frames.connected()
        subject = await tell(ITEM, "created")

        assert (await frames.event())["subject"] == subject


async def test_a_dropped_line_is_picked_up_where_it_was(door, viewer, tell):
    async with httpx.AsyncClient(base_url=door, headers=viewer) as client:
        async with client.stream("GET", PATH) as answer:
            frames = Frames(answer)
            await frames.connected()
            first = await tell(ITEM, "created")
            assert (await frames.event())["subject"] == first
        missed = [await tell(ITEM, "updated") for _ in range(3)]

        async with client.stream("GET", PATH, headers={"last-event-id": frames.position or ""}) as answer:
            again = Frames(answer)
            assert sorted([(await again.event())["subject"] for _ in range(3)]) == sorted(missed)


async def test_audit_entries_are_told_to_administrators_only(door, admin, viewer, tell):
    async with (
        httpx.AsyncClient(base_url=door) as client,
        client.stream("GET", PATH, headers=viewer) as theirs,
        client.stream("GET", PATH, headers=admin.headers) as ours,
    ):
        them, us = Frames(theirs), Frames(ours)
        await them.connected()
        await us.connected()
        entry, item = await tell(AUDIT, "recorded"), await tell(ITEM, "created")

        assert (await them.event())["subject"] == item
        assert sorted([(await us.event())["subject"] for _ in range(2)]) == sorted([entry, item])


async def test_types_and_topics_narrow_it_down(door, viewer, tell):
    wanted = {"types": "takt.operations.item.archived.v1", "topics": ITEM}
    async with (
        httpx.AsyncClient(base_url=door, headers=viewer) as client,
        client.stream("GET", PATH, params=wanted) as answer,
    ):
        frames = Frames(answer)
        await frames.connected()
        await tell(ITEM, "created")
        subject = await tell(ITEM, "archived")

        assert (await frames.event())["subject"] == subject


@pytest.mark.parametrize(
    ("headers", "params", "status", "code"),
    [
        ({"last-event-id": "0"}, {}, 400, "stream.bad-position"),
        ({"last-event-id": "x" * 9000}, {}, 400, "stream.bad-position"),
        ({}, {"types": "takt.operations.item.exploded.v1"}, 400, "stream.unknown-filter"),
        ({}, {"topics": AUDIT}, 400, "stream.unknown-filter"),
        ({}, {"group": "mine"}, 400, "query.unknown-name"),
        ({"authorization": "Bearer x.y.z"}, {}, 401, "auth.unauthenticated"),
    ],
)
async def test_what_cannot_be_streamed_is_refused_before_it_begins(door, viewer, headers, params, status, code):
    async with httpx.AsyncClient(base_url=door, headers=viewer) as client:
        answer = await client.get(PATH, headers=headers, params=params)

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


async def test_a_full_house_is_told_so_and_leaving_makes_room(door, viewer, app):
    async with httpx.AsyncClient(base_url=door, headers=viewer) as client:
        async with client.stream("GET", PATH), client.stream("GET", PATH), client.stream("GET", PATH) as last:
            await Frames(last).connected()
            refused = await client.get(PATH)
        async with asyncio.timeout(30):
            while app.state.streams.open:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.02)

    assert (refused.status_code, refused.json()["code"]) == (429, "stream.too-many")
