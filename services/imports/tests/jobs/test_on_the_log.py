"""The whole service on the real broker: a real CSV comes by event, its rows go out, their answers come in."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from fastapi import FastAPI

from plantkit.ids import new_id
from plantkit.messaging.provision import ensure_topics
from plantkit.settings import Loop, ServiceSettings
from plantkit.storage import Storage
from plantkit.testing.fixtures import settings_for
from services.imports.tests.jobs.plant import applied
from takt_contracts import catalog
from takt_contracts.event import Event
from takt_contracts.imports.files import FileUploaded
from takt_contracts.imports.rows import ROWS_APPLIED, RowsReady
from takt_contracts.roles import Role

pytestmark = [pytest.mark.db, pytest.mark.broker]
GOOD = (
    "Code;Name;Unit\n"
    + "".join(f"IT-{n};Item {n};pcs\n" for n in range(1, 1202))
    + "IT-X;Bolt;a unit that is far too long for one\n"
)


@pytest.fixture(scope="module")
async def settings(service, database, kafka_bootstrap: str) -> ServiceSettings:
    told = (FileUploaded, RowsReady, *ROWS_APPLIED.values())
    topics = {event.topic: catalog.topics()[event.topic] for event in told}
    await ensure_topics(kafka_bootstrap, topics)
    return settings_for(service, database, kafka_bootstrap=kafka_bootstrap, loops=frozenset(Loop))


@pytest.fixture
async def tell(kafka_bootstrap: str) -> AsyncIterator[Callable[[Event], Awaitable[None]]]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, enable_idempotence=True)
    await producer.start()

    async def send(event: Event) -> None:
        named = {
            "specversion": "1.0", "id": str(new_id()), "source": "/plants/test/others", "subject": event.subject,
            "type": event.type, "time": "2026-03-02T06:30:00Z",
        }  # fmt: skip
        headers = [(f"ce_{name}", value.encode()) for name, value in named.items()]
        await producer.send_and_wait(
            event.topic, event.model_dump_json().encode(), key=event.subject.encode(), headers=headers
        )

    yield send
    await producer.stop()


async def file_in_inbox(app: FastAPI, content: bytes, **fields: Any) -> FileUploaded:
    id_ = new_id()
    state = {
        "id": id_, "file_name": "items.csv", "dataref": f"inbox/2026-03-02/{id_}", "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(), "template": "items", "uploaded_by": "planner-1",
        "roles": [Role.PLANNER], "uploaded_at": datetime(2026, 3, 2, tzinfo=UTC), **fields,
    }  # fmt: skip
    if state["dataref"].startswith("inbox/"):
        await Storage(app.state.context.settings.storage_url).put(state["dataref"], content)
    return FileUploaded.model_validate({"version": 1, "state": state})


async def until(client: httpx.AsyncClient, import_id: UUID, *states: str) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            answer = await client.get(f"/api/v1/imports/{import_id}")
            if answer.status_code == 200 and answer.json()["state"] in states:
                found: dict[str, Any] = answer.json()
                return found
            await asyncio.sleep(0.05)


@asynccontextmanager
async def rows_topic(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(RowsReady.topic, number) for number in range(6)])
    try:
        yield consumer
    finally:
        await consumer.stop()


async def sent(bootstrap: str, import_id: UUID, count: int) -> list[RowsReady]:
    found: list[RowsReady] = []
    async with rows_topic(bootstrap) as consumer, asyncio.timeout(40):
        while len(found) < count:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [
                    RowsReady.model_validate(orjson.loads(r.value)) for r in records if r.key == str(import_id).encode()
                ]
    return found


async def test_a_file_comes_by_event_and_its_rows_go_and_come_back(app, client, tell, kafka_bootstrap):
    file = await file_in_inbox(app, GOOD.encode())
    await tell(file)
    await until(client, file.state.id, "committing")

    batches = await sent(kafka_bootstrap, file.state.id, 3)
    for ready in reversed(batches):
        await tell(applied(ready))

    found = await until(client, file.state.id, "done", "failed")
    assert found["totals"] | {"rows": 1202, "created": 1201, "rejected": 1} == found["totals"]
    assert [one.version for one in batches] == [1, 2, 3]
    [wrong] = (await client.get(f"/api/v1/imports/{file.state.id}/rows?state=rejected")).json()["data"]
    assert (wrong["row"], wrong["errors"][0]["letter"], wrong["errors"][0]["field"]) == (1203, "C", "unit")


async def test_a_reference_out_of_the_inbox_is_parked_at_once_and_the_next_file_served(app, client, tell, database):
    bad = await file_in_inbox(app, b"", dataref="/etc/passwd")
    good = await file_in_inbox(app, b"Code;Name;Unit\nIT-1;Bolt;pcs\n")
    await tell(bad)
    await tell(good)
    await until(client, good.state.id, "committing")
    async with asyncio.timeout(30), database.connect() as connection:
        query = "SELECT * FROM parked WHERE group_name = 'imports.files'"
        while not (rows := await connection.fetch(query)):  # noqa: ASYNC110 - only the database knows
            await asyncio.sleep(0.05)
    assert [(row["reason_code"], row["state"], row["attempts"]) for row in rows] == [
        ("file.reference-refused", "parked", 1)
    ]


@pytest.mark.parametrize("content", [b"PK\x03\x04 not a zip", b"", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
async def test_what_is_no_workbook_fails_with_a_reason(app, client, tell, content):
    file = await file_in_inbox(app, content)
    await tell(file)
    assert (await until(client, file.state.id, "failed"))["reason"]["code"].startswith("file.")
