import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from pydantic import SecretStr
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from libs.plantkit.tests.messaging.support import SERVICE, Machinery, MachinerySettings, ticked
from plantkit.audit import Refusals
from plantkit.auth.tokens import Verifier
from plantkit.clock import utc_now
from plantkit.context import Context
from plantkit.db import machinery as tables
from plantkit.db.engine import Database
from plantkit.http.consistency import Consistency
from plantkit.messaging.provision import ensure_topics
from plantkit.messaging.wake import Wake
from plantkit.settings import Mode
from plantkit.testing.database import database_url
from takt_contracts.catalog import topic_of
from takt_contracts.event import Event

Eventually = Callable[..., Awaitable[Any]]


async def _make_schema(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE SCHEMA {SERVICE}")
    await connection.close()
    engine = create_async_engine(
        url.replace("postgresql:", "postgresql+asyncpg:"), connect_args={"server_settings": {"search_path": SERVICE}}
    )
    async with engine.begin() as made:
        await made.run_sync(_make_tables)
    await engine.dispose()


def _make_tables(connection: Connection) -> None:
    op = Operations(MigrationContext.configure(connection))
    tables.create(op)
    tables.create_pending(op)


@pytest.fixture(scope="session")
async def template(postgres_server: str) -> str:
    """Name of a database with the machinery's tables that nobody is connected to."""
    admin = await asyncpg.connect(postgres_server)
    name = f"template_machinery_{secrets.token_hex(6)}"
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    await _make_schema(database_url(postgres_server, name))
    return name


@pytest.fixture
async def scratch(postgres_server: str, template: str) -> AsyncIterator[str]:
    """A database of this test's own, with the machinery's tables."""
    admin = await asyncpg.connect(postgres_server)
    name = f"test_machinery_{secrets.token_hex(6)}"
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield database_url(postgres_server, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def context_of(url: str, bootstrap: str, secret: str, **more: Any) -> Context:
    settings = MachinerySettings(
        mode=Mode.EMBEDDED, plant="test", port=0, database_url=SecretStr(url), kafka_bootstrap=bootstrap,
        jwks_url="http://127.0.0.1:1/jwks.json", cursor_secret=SecretStr(secret), kafka_session_timeout_ms=6000,
        consistency_secret=SecretStr(secret), **more,
    )  # fmt: skip
    db, wake = Database(settings), Wake()
    return Context(
        settings=settings,
        db=db,
        clock=utc_now,
        verifier=Verifier(settings.jwks_url),
        wake=wake,
        refusals=Refusals(db, settings, utc_now, wake),
        consistency=Consistency(secret, SERVICE),
    )


@pytest.fixture
async def machinery(scratch: str, request: pytest.FixtureRequest) -> AsyncIterator[Machinery]:
    """The tables, and settings that point at the broker when the test has one."""
    broker = request.getfixturevalue("kafka_bootstrap") if request.node.get_closest_marker("broker") else "127.0.0.1:1"
    context = context_of(scratch, broker, secrets.token_hex(32))
    yield Machinery(context.settings, context)
    await context.db.dispose()


@pytest.fixture
async def event(kafka_bootstrap: str) -> type[Event]:
    """An event class whose topic exists and is empty."""
    made = ticked(f"counter-{secrets.token_hex(4)}")
    await ensure_topics(kafka_bootstrap, {made.topic: topic_of(made.topic, [made])})
    return made


@pytest.fixture
def eventually() -> Eventually:
    """`await eventually(look)`: waits until `look()` is true and answers what it answered."""

    async def wait(look: Callable[[], Any], within_s: float = 40.0) -> Any:
        async with asyncio.timeout(within_s):
            while not (found := await look() if asyncio.iscoroutinefunction(look) else look()):  # noqa: ASYNC110  # may be anything
                await asyncio.sleep(0.05)
            return found

    return wait
