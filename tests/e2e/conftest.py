"""Operations as it runs in a plant: its API and its relay, on the run's database and broker; and one whole stack."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import httpx
import pytest

from operations.app import SERVICE
from plantkit.messaging.provision import ensure_topics
from plantkit.settings import Loop
from plantkit.testing.database import TestDatabase, copied
from plantkit.testing.fixtures import Signer, settings_for
from takt_contracts import catalog
from takt_contracts.roles import Role
from tests.e2e.evidence import Refusing
from tests.e2e.road import Road
from tests.e2e.stack import Stack, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """`takt up --detach` once per worker; down at the end."""
    with running_stack() as made:
        yield made


@pytest.fixture(scope="module")
async def door(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the stack's gateway that is nobody."""
    async with httpx.AsyncClient(base_url=stack.gateway, trust_env=False, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def road(door: httpx.AsyncClient, stack: Stack) -> Road:
    """Uploads of a planner."""
    return Road(door, stack.headers(Role.PLANNER))


@pytest.fixture(scope="module")
async def tables(stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """The stack's database, seen by a superuser."""
    async with stack.database() as connection:
        yield connection


@pytest.fixture(scope="module")
def refusing(door: httpx.AsyncClient, tables: asyncpg.Connection) -> Refusing:
    return Refusing(door, tables)


@pytest.fixture(scope="module")
def database(postgres_server: str) -> Iterator[TestDatabase]:
    with copied(postgres_server, "operations") as made:
        yield made


@pytest.fixture(scope="module")
async def telling(database: TestDatabase, kafka_bootstrap: str, signer: Signer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of operations, signed in as a planner, whose changes reach Kafka."""
    await ensure_topics(kafka_bootstrap, catalog.topics())
    loops = frozenset({Loop.API, Loop.RELAY})
    app = SERVICE.app(settings_for(SERVICE, database, kafka_bootstrap=kafka_bootstrap, loops=loops))
    app.state.context.verifier.trust(signer.jwks)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        headers = signer.headers(Role.PLANNER)
        async with httpx.AsyncClient(transport=transport, base_url="http://takt", headers=headers) as client:
            yield client
