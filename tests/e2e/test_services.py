"""Four services: how each answers for its health, counts, documents itself and logs; what never leaves it."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from datetime import datetime
from importlib import import_module
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from gateway.identity.signing import new_signing_key
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import settings_for
from takt_contracts.roles import Role
from tests.e2e.evidence import is_problem
from tests.e2e.hay import in_logs, in_topics
from tests.e2e.kafka_log import all_records
from tests.e2e.plant import API, code, planted
from tests.e2e.stack import PASSWORD, SERVICES, Stack, until

HEALTH: Final = ("/health", "/health/live", "/health/ready", "/health/detailed", "/livez", "/readyz")
FIELDS: Final = [
    "timestamp", "level", "logger", "message", "module", "function", "line",
    "request_id", "trace_id", "user_id", "resource", "duration_ms",
]  # fmt: skip
TRACE: Final = "00-{}-00f067aa0ba902b7-01"


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def own(stack: Stack, service: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service's own port."""
    async with httpx.AsyncClient(base_url=stack.status[service], trust_env=False) as client:
        yield client


@pytest.mark.broker
@pytest.mark.parametrize("prefix", ["", API])
@pytest.mark.parametrize("path", HEALTH)
async def test_a_healthy_service_says_so(own: httpx.AsyncClient, prefix: str, path: str) -> None:
    answer = await own.get(prefix + path)

    assert answer.status_code == 200
    assert answer.json()["status"] in {"up", "ready", "healthy"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.broker
async def test_detailed_health_tells_of_each_part(own: httpx.AsyncClient, stack: Stack, service: str) -> None:
    found = (await own.get("/health/detailed")).json()

    assert (found["service"], found["plant"]) == (service, stack.status["plant"])
    assert (found["database"]["status"], found["messaging"]["status"]) == ("up", "up")
    assert found["messaging"]["relay"]["trouble"] is None


@pytest.mark.broker
async def test_a_service_documents_itself(own: httpx.AsyncClient) -> None:
    document = (await own.get("/openapi.json")).json()

    assert document["openapi"].startswith("3.1")
    assert f"{API}/parked" in document["paths"]


@pytest.mark.broker
async def test_a_service_counts_what_it_answers(own: httpx.AsyncClient, service: str) -> None:
    await own.get(f"{API}/nothing")

    counted = (await own.get("/metrics")).text

    assert f'takt_service_info{{plant="plant-1",service="{service}"}} 1.0' in counted
    assert 'takt_http_requests_total{method="GET",route="unmatched",status="404"}' in counted
    assert 'takt_refusals_total{code="' in counted
    assert "takt_db_up 1.0" in counted


@pytest.mark.broker
@pytest.mark.needs("promtool")
async def test_prometheus_finds_nothing_to_improve_in_the_metrics(own: httpx.AsyncClient) -> None:
    counted = (await own.get("/metrics")).content

    promtool = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(promtool.communicate(counted), 20)

    assert (promtool.returncode, said.decode()) == (0, "")


def stranger(service: str, address: str | None, metrics_token: str | None) -> httpx.AsyncClient:
    """A client of the service's application that comes from this address."""
    made = import_module(f"{service}.app").SERVICE
    nowhere = TestDatabase("postgresql://127.0.0.1:1/postgres", service, "none")
    more = {f"{owner}_url": "http://127.0.0.1:1" for owner in SERVICES[1:]} if service == "gateway" else {}
    key = {"signing_key": new_signing_key()} if service == "gateway" else {}
    app = made.app(settings_for(made, nowhere, metrics_token=metrics_token, **more, **key))

    async def seen_from(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "client": None if address is None else (address, 50_000)}, receive, send)

    return httpx.AsyncClient(transport=httpx.ASGITransport(seen_from), base_url="http://takt")


@pytest.mark.parametrize("address", ["203.0.113.9", "10.0.0.7", "::2", "fe80::1", None])
async def test_metrics_are_not_for_strangers(service: str, address: str | None) -> None:
    async with stranger(service, address, None) as client:
        claimed = {"x-forwarded-for": "127.0.0.1", "x-real-ip": "127.0.0.1", "forwarded": "for=127.0.0.1"}
        is_problem(await client.get("/metrics", headers=claimed), 403, "auth.forbidden")


async def test_metrics_are_for_this_machine_and_for_who_holds_the_token(service: str) -> None:
    token = secrets.token_urlsafe(32)
    async with stranger(service, "127.0.0.1", None) as local, stranger(service, "203.0.113.9", token) as remote:
        assert (await local.get("/metrics")).status_code == 200
        assert (await remote.get("/metrics", headers={"authorization": f"Bearer {token}"})).status_code == 200
        for wrong in (f"Bearer {token}x", "Bearer ", "", f"Basic {token}x"):
            is_problem(await remote.get("/metrics", headers={"authorization": wrong}), 403, "auth.forbidden")


@pytest.mark.broker
async def test_every_log_line_is_json_with_the_same_fields(own: httpx.AsyncClient, stack: Stack, service: str) -> None:
    await own.get("/nothing/%E2%80%A8%C2%85%0D%0A%1B%5B31m")

    lines = [json.loads(line) for line in stack.lines(service)]

    assert "service.started" in {line["message"] for line in lines}
    for line in lines:
        assert list(line)[: len(FIELDS)] == FIELDS
        assert datetime.fromisoformat(line["timestamp"]).utcoffset() is not None
        assert line["level"] in {"debug", "info", "warning", "error", "critical"}
        assert all(line[name] for name in ("logger", "message", "module", "function", "line"))
    assert all(line.isprintable() for line in stack.lines(service)), "a line commands no terminal"


@pytest.mark.broker
async def test_one_request_is_found_by_its_id_everywhere(door: httpx.AsyncClient, stack: Stack) -> None:
    plant = await planted(door, stack)
    request_id, trace_id, name = f"shift-2.{code('R')}", uuid4().hex, code("W")
    headers = {**plant.planner, "x-request-id": request_id, "traceparent": TRACE.format(trace_id)}

    made = await door.post(f"{API}/workplaces", json={"code": name, "name": "x"}, headers=headers)

    assert (made.status_code, made.headers["x-request-id"]) == (201, request_id)
    me = (await door.get(f"{API}/me", headers=plant.planner)).json()["id"]
    for service in ("gateway", "operations"):
        [line] = await until(lambda service=service: answered(stack, service, request_id))
        assert (line["trace_id"], line["user_id"], line["resource"]) == (trace_id, me, f"{API}/workplaces")
        assert line["duration_ms"] > 0

    async def told() -> list[Any]:
        found = await all_records(str(stack.status["kafka"]), "takt.operations.")
        return [record for record in found if dict(record.headers).get("ce_correlationid") == request_id.encode()]

    records = await until(told, 20)
    if len(records) == 1:  # the entry travels behind or before its fact
        await asyncio.sleep(1)
        records = await told()
    assert sorted(record.topic for record in records) == ["takt.operations.audit", "takt.operations.workplace"]
    assert {dict(record.headers)["ce_traceparent"].decode().split("-")[1] for record in records} == {trace_id}
    assert {dict(record.headers)["ce_authid"].decode() for record in records} == {me}


async def answered(stack: Stack, service: str, request_id: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in stack.lines(service) if request_id in line]
    return [line for line in lines if line["message"] == "http.answered"]


@pytest.mark.broker
async def test_no_token_and_no_password_is_in_any_log_or_topic(door: httpx.AsyncClient, stack: Stack) -> None:
    canaries = await planted_secrets(door, stack)
    hay = in_logs(stack) | await in_topics(stack)

    assert {
        *(f"log {name}.log" for name in ("gateway", "operations", "postgres", "kafka")),
        "takt.gateway.user",
    } <= hay.keys()
    assert b"canary-user" in hay["takt.gateway.user"], "what is looked through is what was written"
    found = {
        (what, where) for what, secret in canaries.items() for where, text in hay.items() if secret.encode() in text
    }
    assert found == set()


async def planted_secrets(door: httpx.AsyncClient, stack: Stack) -> dict[str, str]:
    """Every secret of the stack, and some typed where they do not belong."""
    typed = {place: f"canary-{secrets.token_hex(12)}" for place in ("password", "user name", "token", "query", "field")}
    admin = stack.headers(Role.ADMIN)
    username = code("canary-user")
    stack.add_user(username, Role.VIEWER)
    tokens = stack.sign_in(username)
    refreshed = (await door.post(f"{API}/auth/refresh", json={"refresh_token": tokens["refresh_token"]})).json()
    await door.post(f"{API}/auth/login", json={"username": username, "password": typed["password"]})
    await door.post(f"{API}/auth/login", json={"username": typed["user name"], "password": "x"})
    await door.post(f"{API}/auth/login", content=f'{{"password": "{typed["field"]}"')
    await door.post(f"{API}/users", json={"username": "x/y", "password": typed["field"]}, headers=admin)
    await door.post(f"{API}/users", json={"username": "u", "password": ["x"], "name": typed["field"]}, headers=admin)
    for path in ("items", "me", "nothing"):
        await door.get(f"{API}/{path}", headers={"authorization": f"Bearer {typed['token']}"})
        await door.get(f"{API}/{path}?access_token={typed['query']}", headers=admin)
    files = {path.name: path.read_text().strip() for path in (stack.data / "secrets").iterdir()}
    files["signing-key"] = json.loads(files["signing-key"])["d"]
    answers = {
        f"{name} {n}": one[name]
        for n, one in enumerate((tokens, refreshed))
        for name in ("access_token", "refresh_token")
    }
    return {**typed, **files, **answers, "a user's password": PASSWORD, "bearer": admin["authorization"][7:]}
