"""The parked list of a service, as the gateway reads it."""

import base64
from collections.abc import AsyncIterator

import httpx
import pytest
from aiokafka import ConsumerRecord
from fastapi import FastAPI

from libs.plantkit.tests.messaging.support import Machinery
from plantkit.http import problems
from plantkit.http.middleware import RequestScope
from plantkit.messaging.parking import Parking
from plantkit.messaging.wiring import Messaging
from plantkit.settings import Loop
from plantkit.testing.fixtures import Signer
from takt_contracts.roles import Role

pytestmark = pytest.mark.db


@pytest.fixture
async def client(machinery: Machinery, signer: Signer) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.state.context = machinery.context
    machinery.context.verifier.trust(signer.jwks)
    problems.install(app)
    app.add_middleware(RequestScope)
    app.include_router(Messaging(machinery.context, ()).routes(), prefix="/api/v1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://takt") as made:
        yield made


async def park(machinery: Machinery, count: int) -> None:
    parking = Parking("tests.parked")
    headers = (("ce_id", None), ("odd", b"\xff\x00"))
    records = [ConsumerRecord("t", 0, n, 0, 0, b"K\x00", b"\x00\xff", None, 2, 2, headers) for n in range(count)]
    async with machinery.connect() as connection:
        await parking.put(connection, [parking.failed(record, "handler.ValueError", "why\x00") for record in records])
        await parking.put(connection, [parking.failed(records[0], "again", "is not kept")])


async def test_an_administrator_reads_every_byte_page_by_page(machinery, client, signer):
    await park(machinery, 3)
    headers = signer.headers(Role.ADMIN)
    first = (await client.get("/api/v1/parked?limit=2", headers=headers)).json()
    rest = (await client.get(f"/api/v1/parked?limit=2&after={first['next']}", headers=headers)).json()

    assert [one["offset"] for one in first["data"] + rest["data"]] == [0, 1, 2]
    assert rest["next"] is None
    shown = (await client.get(f"/api/v1/parked/{first['data'][0]['id']}", headers=headers)).json()
    assert (shown["group"], shown["state"], shown["attempts"]) == ("tests.parked", "retry", 1)
    assert base64.b64decode(shown["key"]) == b"K\x00"
    assert base64.b64decode(shown["value"]) == b"\x00\xff"
    assert [(one["name"], one["value"]) for one in shown["headers"]] == [
        ("ce_id", None), ("odd", base64.b64encode(b"\xff\x00").decode()),
    ]  # fmt: skip
    assert (await client.get("/api/v1/parked?state=parked", headers=headers)).json()["data"] == []


async def test_nobody_else_reads_it(client, signer):
    assert (await client.get("/api/v1/parked", headers=signer.headers(Role.PLANNER))).status_code == 403
    assert (await client.get("/api/v1/parked")).status_code == 401


async def test_without_loops_a_process_is_ready_and_says_so(machinery):
    messaging = Messaging(machinery.context, ())
    await messaging.start({Loop.API})
    assert messaging.ready() == []
    assert messaging.health() == {"relay": None, "consumers": []}
    await messaging.stop()


async def test_a_commit_here_is_announced_to_relays_elsewhere(machinery, eventually):
    heard = []
    messaging = Messaging(machinery.context, ())
    async with machinery.connect() as connection:
        await connection.add_listener("takt_machinery_outbox", lambda *told: heard.append(told))
        await messaging.start({Loop.API})
        await eventually(lambda: machinery.context.wake.notify() or heard)
        await messaging.stop()
