"""A throw-away database for each test module: migrated once as a template, then copied; commits are real."""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from plantkit import migrate
from plantkit.db import provision

PASSWORD = hashlib.sha256(b"a password for throw-away test databases only").hexdigest()


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """One database with the schema of one service."""

    __test__ = False
    server: str
    service: str
    name: str

    def url(self, role: str) -> str:
        """URL of `owner` or `app`, the service's two roles."""
        return f"postgresql://{self.service}_{role}:{PASSWORD}@{urlsplit(self.server).netloc.rpartition('@')[2]}/{self.name}"

    @property
    def superuser_url(self) -> str:
        return database_url(self.server, self.name)

    @asynccontextmanager
    async def connect(self, role: str = "app") -> AsyncIterator[asyncpg.Connection]:
        """A connection outside the service's pool, to look with."""
        connection = await asyncpg.connect(self.url(role), server_settings={"search_path": self.service})
        try:
            yield connection
        finally:
            await connection.close()


def database_url(server: str, name: str) -> str:
    parts = urlsplit(server)
    return f"{parts.scheme}://{parts.netloc}/{name}"


@contextmanager
def copied(server: str, service: str) -> Iterator[TestDatabase]:
    """A fresh copy of the service's migrated template, dropped at the end."""
    template = f"template_{service}"
    name = f"test_{service}_{secrets.token_hex(6)}"
    _do(_prepare(server, service, template, name))
    try:
        yield TestDatabase(server, service, name)
    finally:
        _do(_drop(server, name))


async def _prepare(server: str, service: str, template: str, name: str) -> None:
    admin = await asyncpg.connect(server)
    try:
        await admin.execute("SELECT pg_advisory_lock(7301)")
        if not await admin.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", template):
            await _make_template(server, admin, service, template)
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        for role in ("owner", "app"):
            await admin.execute(f"GRANT CONNECT ON DATABASE {name} TO {service}_{role}")
    finally:
        await admin.close()


async def _make_template(server: str, admin: asyncpg.Connection, service: str, template: str) -> None:
    """Built under another name, so that a failed migration leaves no half-made template behind."""
    building = f"{template}_{secrets.token_hex(4)}"
    await admin.execute(f"CREATE DATABASE {building}")
    inside = await asyncpg.connect(database_url(server, building))
    try:
        for statement in provision.database_statements(building):
            await inside.execute(statement)
        for statement in provision.statements(
            service, owner_password=PASSWORD, app_password=PASSWORD, database=building
        ):
            await inside.execute(statement)
    finally:
        await inside.close()
    url = TestDatabase(server, service, building).url("owner")
    await asyncio.to_thread(migrate.upgrade, service, url)
    await admin.execute(f"ALTER DATABASE {building} RENAME TO {template}")


async def _drop(server: str, name: str) -> None:
    admin = await asyncpg.connect(server)
    try:
        await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    finally:
        await admin.close()


def _do(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a thread of its own: fixtures are used from inside and outside a running loop."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()
