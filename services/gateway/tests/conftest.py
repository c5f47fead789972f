"""Tests of the gateway: its service, real sign-ins, and tiny owners on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from gateway.app import SERVICE
from gateway.identity.signing import new_signing_key
from plantkit.service import Service
from plantkit.settings import ServiceSettings
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import settings_for

NOWHERE = "http://127.0.0.1:1"
ADMIN = {"username": "admin", "password": "zK4!vq81mWp3 of the plant"}

LOGIN = "/api/v1/auth/login"
SignedIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def service() -> Service:
    return SERVICE


@pytest.fixture(scope="session")
def signing_key() -> str:
    return new_signing_key()


@pytest.fixture(scope="module")
def more_settings() -> dict[str, object]:
    """What a test module sets differently."""
    return {}


@pytest.fixture(scope="module")
def settings(
    service: Service, database: TestDatabase, signing_key: str, more_settings: dict[str, object]
) -> ServiceSettings:
    owners = {f"{name}_url": NOWHERE for name in ("operations", "records", "imports")}
    admin = {"admin_username": ADMIN["username"], "admin_password": ADMIN["password"]}
    given = {**owners, **admin, "signing_key": signing_key, "sign_ins_per_minute": 100_000, **more_settings}
    return settings_for(service, database, **given)


@pytest.fixture(scope="module")
async def app(service: Service, settings: ServiceSettings) -> AsyncIterator[FastAPI]:
    """The gateway, started; its first administrator is there."""
    made = service.app(settings)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture(scope="module")
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with _client(app) as client:
        yield client


@pytest.fixture(scope="module")
async def admin(app: FastAPI, anonymous: httpx.AsyncClient) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as the first administrator, by password."""
    tokens = await _patiently(anonymous, ADMIN)
    async with _client(app, tokens["access_token"]) as client:
        yield client


@pytest.fixture
async def signed_in(app: FastAPI, admin: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> SignedIn:
    """`await signed_in("op-1", "OPERATOR")`: a new user with these roles, signed in."""

    async def make(username: str, *roles: str) -> httpx.AsyncClient:
        await new_user(admin, username, *roles)
        answer = await anonymous.post("/api/v1/auth/login", json=credentials(username))
        return _client(app, answer.json()["access_token"])

    return make


def credentials(username: str) -> dict[str, str]:
    return {"username": username, "password": "a long and dull one 77"}


async def new_user(admin: httpx.AsyncClient, username: str, *roles: str) -> dict[str, object]:
    body = {**credentials(username), "name": f"Number {username}", "roles": list(roles or ("VIEWER",))}
    answer = await admin.post("/api/v1/users", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, object] = answer.json()
    return made


def _client(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    headers = {} if token is None else {"authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://takt", headers=headers)


async def _patiently(client: httpx.AsyncClient, body: dict[str, str]) -> dict[str, str]:
    """The first administrator is made in the background of the start."""
    async with asyncio.timeout(30):
        while (answer := await client.post(LOGIN, json=body)).status_code != 200:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.05)
    tokens: dict[str, str] = answer.json()
    return tokens
