"""The last events and the newest states, whatever comes twice or late."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import ConsumerRecord
from fastapi import FastAPI

from gateway.activity.consumers import KEPT, TOLD, keep_activity
from gateway.visibility import is_restricted
from plantkit.auth.principal import SYSTEM
from plantkit.db.tx import Origin
from plantkit.ids import new_id
from plantkit.messaging.records import Delivery, Reader
from plantkit.run import Runner
from takt_contracts.examples import example_of
from takt_contracts.operations.items import ItemChanged

pytestmark = pytest.mark.db
Deliver = Callable[..., Awaitable[None]]


@pytest.fixture
def deliver(app: FastAPI) -> Deliver:
    """`await deliver(delivery, ...)`: one batch to the consumer, committed."""
    context = app.state.context

    async def send(*deliveries: Delivery[Any]) -> None:
        async def handle(tx: Any, batch: Any) -> None:
            await tx.begin()
            await keep_activity(tx, batch)

        await Runner(context, SYSTEM, Origin(request_id="test"), now=context.clock)(handle, deliveries)

    return send


@pytest.fixture(autouse=True)
async def nothing_yet(database):
    """Events of all tests have one time, and only the last are kept: each test begins without those of the others."""
    async with database.connect() as connection:
        await connection.execute("DELETE FROM recent_events")


def item(code: str, version: int, name: str = "Bolt") -> Delivery[Any]:
    """An event as it comes from the log."""
    example = orjson.loads(example_of(ItemChanged, "updated").model_dump_json())
    example["version"] = example["state"]["version"] = version
    example["state"] |= {"code": code, "name": name}
    named = {
        "specversion": "1.0", "id": str(new_id()), "source": "/plants/test/operations", "subject": code,
        "type": "takt.operations.item.updated.v1", "time": "2026-03-02T06:30:00Z",
    }  # fmt: skip
    headers = tuple((f"ce_{key}", value.encode()) for key, value in named.items())
    record = ConsumerRecord(
        topic="takt.operations.item", partition=0, offset=1, timestamp=0, timestamp_type=0, key=code.encode(),
        value=orjson.dumps(example), checksum=None, serialized_key_size=0, serialized_value_size=0, headers=headers,
    )  # fmt: skip
    read = Reader(keep_activity.types).read(record)
    assert isinstance(read, Delivery), read
    return read


async def state_of(database: Any, code: str) -> tuple[int, str]:
    async with database.connect() as connection:
        row = await connection.fetchrow("SELECT version, state ->> 'name' FROM subjects WHERE subject = $1", code)
    return row[0], row[1]


async def last(client: httpx.AsyncClient, limit: int = 50) -> list[tuple[str, int]]:
    data = (await client.get("/api/v1/activity", params={"limit": limit})).json()["data"]
    return [(event["subject"], event["data"]["version"]) for event in data]


async def test_the_newest_state_and_the_last_events_are_kept(deliver, database, admin):
    await deliver(item("A-1", 1), item("A-1", 2, "Screw"), item("A-2", 1))

    assert await state_of(database, "A-1") == (2, "Screw")
    assert (await last(admin))[:3] == [("A-2", 1), ("A-1", 2), ("A-1", 1)]


async def test_an_event_that_comes_twice_or_late_changes_no_state(deliver, database, admin):
    late, current = item("B-1", 1, "Old"), item("B-1", 2, "New")
    await deliver(current)
    await deliver(late)
    await deliver(current, late)

    assert await state_of(database, "B-1") == (2, "New")
    assert [seen for seen in await last(admin) if seen[0] == "B-1"] == [("B-1", 2), ("B-1", 1)]


async def test_only_the_last_are_kept(deliver, database):
    for start in range(0, KEPT + 200, 400):
        await deliver(*(item(f"C-{number}", 1) for number in range(start, start + 400)))

    async with database.connect() as connection:
        assert await connection.fetchval("SELECT count(*) FROM recent_events") <= KEPT


async def test_which_are_the_last_does_not_depend_on_how_they_came(deliver, database):
    """All events of a transaction have one time, and a batch may hold more of them than are kept."""
    told = [item(f"{letter}-{number}", 1) for number in range(KEPT) for letter in ("z", "Z", "é", "E")]
    kept = []
    for batches in ([told], [told[::-1]], [told[n::7] for n in range(7)]):
        async with database.connect() as connection:
            await connection.execute("DELETE FROM recent_events")
        for batch in batches:
            await deliver(*batch)
        async with database.connect() as connection:
            kept.append({row["subject"] for row in await connection.fetch("SELECT subject FROM recent_events")})

    assert kept[0] == kept[1] == kept[2]
    assert len(kept[0]) == KEPT


async def test_an_event_is_shown_as_a_cloud_event(deliver, admin):
    await deliver(item("D-1", 1))
    [event] = (await admin.get("/api/v1/activity", params={"limit": 1})).json()["data"]

    assert event["specversion"] == "1.0"
    assert {"id", "source", "type", "subject", "time", "data", "datacontenttype"} <= event.keys()


@pytest.mark.parametrize("limit", ["0", "501", "x", "-1"])
async def test_a_limit_out_of_range_is_refused(admin, limit):
    assert (await admin.get("/api/v1/activity", params={"limit": limit})).status_code == 400


def test_nothing_that_only_administrators_may_see_is_kept():
    assert TOLD
    assert not any(is_restricted(event.topic) for event in TOLD)
