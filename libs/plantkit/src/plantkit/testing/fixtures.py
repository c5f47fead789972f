"""Fixtures of every service's tests. A service's conftest names its `SERVICE`; all else follows.

Commits are real, in a copy of a migrated template database that lives as long as the test module.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import cache
from secrets import token_hex, token_urlsafe
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
import orjson
import pytest
import structlog
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import OKPKey

from plantkit.auth.tokens import ALGORITHM, AUDIENCE, ISSUER
from plantkit.ids import new_id
from plantkit.service import Service
from plantkit.settings import Loop, Mode, ServiceSettings
from plantkit.testing.database import TestDatabase, copied
from plantkit.testing.importing import ImportSender
from takt_contracts.event import Event
from takt_contracts.roles import Role

E = TypeVar("E", bound=Event)
Published = Callable[[type[E]], Awaitable[list[E]]]
CURSOR_SECRET = token_hex(16)
CONSISTENCY_SECRET = token_hex(16)
AUDIT_KEY = token_urlsafe(32)


def pytest_configure() -> None:
    """A traceback in a test's log is plain: with a frame and all locals around it, it takes seconds to draw."""
    *chain, _ = structlog.get_config()["processors"]
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*chain, plain])


class Signer:
    """Stands where the gateway's identity stands: holds a signing key and gives out tokens."""

    def __init__(self) -> None:
        self.key = OKPKey.generate_key("Ed25519", {"kid": str(new_id()), "use": "sig", "alg": ALGORITHM})

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [self.key.as_dict(private=False)]}

    def claims(self, *roles: Role, user: str = "user-07", name: str = "Operator 07") -> dict[str, Any]:
        now = int(time.time())
        identity = {"sub": user, "name": name, "roles": list(roles), "sid": "session-1", "typ": "access"}
        return {"iss": ISSUER, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 900, **identity}

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        fields = {"alg": ALGORITHM, "kid": self.key.kid, **header}
        return jwt.encode(fields, claims, self.key, algorithms=[ALGORITHM])

    def token(self, *roles: Role, user: str = "user-07", name: str = "Operator 07") -> str:
        return self.sign(self.claims(*roles, user=user, name=name))

    def headers(self, *roles: Role, user: str = "user-07") -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(*roles, user=user)}"}


@cache
def _objects() -> TemporaryDirectory[str]:
    """Where the services of this process keep files. It goes when the process ends."""
    return TemporaryDirectory(prefix="takt-objects-")


def settings_for(service: Service, database: TestDatabase, **changes: Any) -> ServiceSettings:
    """Settings of a service under test: its own database, nothing else running."""
    given: dict[str, Any] = {
        "mode": Mode.EMBEDDED,
        "plant": "test",
        "port": 0,
        "database_url": database.url("app"),
        "kafka_bootstrap": "127.0.0.1:1",
        "jwks_url": "http://127.0.0.1:1/jwks.json",
        "cursor_secret": CURSOR_SECRET,
        "consistency_secret": CONSISTENCY_SECRET,
        "audit_key": AUDIT_KEY,
        "loops": frozenset({Loop.API}),
        "storage_url": f"file://{_objects().name}/{new_id()}",
        **changes,
    }
    return service.settings(**given)


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture(scope="module")
def database(postgres_server: str, service: Service) -> Iterator[TestDatabase]:
    """A migrated database of this test module's own."""
    with copied(postgres_server, service.name) as made:
        yield made


@pytest.fixture(scope="module")
def settings(service: Service, database: TestDatabase) -> ServiceSettings:
    return settings_for(service, database)


@pytest.fixture(scope="module")
async def app(service: Service, settings: ServiceSettings, signer: Signer) -> AsyncIterator[FastAPI]:
    """The service's application, started; it trusts `signer`."""
    made = service.app(settings)
    made.state.context.verifier.trust(signer.jwks)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture(scope="module")
async def anonymous(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is not signed in."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://takt") as client:
        yield client


@pytest.fixture(scope="module")
async def client(app: FastAPI, signer: Signer) -> AsyncIterator[httpx.AsyncClient]:
    """A client signed in as an administrator."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = signer.headers(Role.ADMIN)
    async with httpx.AsyncClient(transport=transport, base_url="http://takt", headers=headers) as client:
        yield client


@pytest.fixture
def token(signer: Signer) -> Callable[..., str]:
    """`token(Role.OPERATOR)` signs a user in with these roles."""
    return signer.token


@pytest.fixture
def published(database: TestDatabase) -> Published[Any]:
    """`await published(WorkplaceChanged)`: the events of this class in the order they were recorded."""

    async def read(event: type[E]) -> list[E]:
        async with database.connect() as connection:
            rows = await connection.fetch(
                "SELECT payload FROM outbox WHERE type = ANY($1) ORDER BY recorded_at, aggregateid, version",
                list(event.types()),
            )
        return [event.model_validate_json(row["payload"]) for row in rows]

    return read


@pytest.fixture
def audited(database: TestDatabase) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """`await audited()`: all audit entries, oldest first."""

    async def read() -> list[dict[str, Any]]:
        async with database.connect() as connection:
            await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads)
            rows = await connection.fetch("SELECT entry FROM audit_entries ORDER BY recorded_at")
        return [row["entry"] for row in rows]

    return read


@pytest.fixture
def imports(app: FastAPI, database: TestDatabase) -> ImportSender:
    """`await imports.send("items", [{"code": "A-1"}])`: hands rows to the service as an import does."""
    return ImportSender(app, database)
