"""What the migrations really build: one throw-away server, every service migrated as in production, then looked at."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from plantkit.db.machinery import MACHINERY
from plantkit.migrate import SERVICES
from plantkit.testing.database import TestDatabase, copied
from takt.embedded.postgres import Postgres

Databases = Mapping[str, TestDatabase]

_NOT_FOR_KEEPS = {"fsync": "off", "synchronous_commit": "off"}
_CONSTRAINTS = """
SELECT c.relname || '.' || k.conname
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = $1::text::regnamespace AND k.contype IN ('c', 'f', 'u', 'x') AND NOT c.relispartition
"""


@contextmanager
def migrated() -> Iterator[Databases]:
    """A migrated database of each service; gone at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="takt-schema-")))
        folder.chmod(0o755)  # the server may run as another user, who has to get in
        server = stack.enter_context(Postgres.start(folder / "postgres", settings=_NOT_FOR_KEEPS))
        yield {service: stack.enter_context(copied(server.url, service)) for service in SERVICES}


def metadata_of(service: str) -> MetaData:
    """Tables as the service's classes describe them."""
    import_module(f"{service}.app")
    described: MetaData = import_module(f"{service}.db").METADATA
    return described


def drift(database: TestDatabase, described: MetaData) -> list[str]:
    """What the classes say and no migration has built, or the other way round. Empty is good."""
    return asyncio.run(_drift(database, described))


async def _drift(database: TestDatabase, described: MetaData) -> list[str]:
    url = database.url("owner").replace("postgresql:", "postgresql+asyncpg:")
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        found = await connection.run_sync(_differences, database.service, described)
    await engine.dispose()
    async with database.connect("owner") as owner:
        built = {row[0] for row in await owner.fetch(_CONSTRAINTS, database.service)}
    return found + [f"{name}: described, not built" for name in sorted(_constraints(described) - built)]


def _differences(connection: Connection, service: str, described: MetaData) -> list[str]:
    def is_ours(name: str | None, kind: str, parents: Mapping[str, str | None]) -> bool:
        if kind == "schema":
            return name == service
        table = name if kind == "table" else parents.get("table_name")
        return kind != "table" or f"{service}.{table}" in described.tables or not _is_machinery(str(table))

    options = {"include_schemas": True, "include_name": is_ours, "version_table_schema": service, "compare_type": True}
    context = MigrationContext.configure(connection, opts=options)
    return [f"{service}: {_said(difference)}" for difference in compare_metadata(context, described)]


def _is_machinery(table: str) -> bool:
    return table == "alembic_version" or any(table.startswith(known.name) for known in MACHINERY.tables.values())


def _said(difference: object) -> str:
    """Alembic's tuple, or list of tuples for one column, as words."""
    if isinstance(difference, list):
        return "; ".join(_said(part) for part in difference)
    words, *what = difference if isinstance(difference, tuple) else (difference,)
    return f"{words} {' '.join(str(part) for part in what if not isinstance(part, Table | dict) or part)}"


def _constraints(described: MetaData) -> set[str]:
    """Names of the constraints that alembic does not compare, with their tables."""
    return {
        f"{table.name}.{constraint.name}"
        for table in described.tables.values()
        for constraint in table.constraints
        if constraint.__visit_name__ in {"check_constraint", "column_check_constraint", "exclude_constraint"}
    }
