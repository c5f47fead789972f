"""What the migrations really build: one throw-away server, every service migrated as in production, then looked at."""

import asyncio
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, MetaData
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from plantkit.db.machinery import IMPORTS, MACHINERY
from plantkit.db.provision import SERVICES
from plantkit.testing.database import TestDatabase, copied
from takt.embedded.postgres import Postgres

T = TypeVar("T")
Databases = Mapping[str, TestDatabase]

_NOT_FOR_KEEPS = {"fsync": "off", "synchronous_commit": "off"}
_CONSTRAINTS = """
SELECT c.relname || '.' || k.conname
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE c.relnamespace = $1::text::regnamespace AND k.contype IN ('c', 'f', 'u', 'x') AND NOT c.relispartition
"""


@contextmanager
def migrated(services: Sequence[str] = SERVICES) -> Iterator[Databases]:
    """A migrated database of each service; gone at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="takt-schema-")))
        folder.chmod(0o755)  # the server may run as another user, who has to get in
        server = stack.enter_context(Postgres.start(folder / "postgres", settings=_NOT_FOR_KEEPS))
        yield {service: stack.enter_context(copied(server.url, service)) for service in services}


def metadata_of(service: str) -> MetaData:
    """Tables as the service's classes describe them."""
    import_module(f"{service}.app")
    described: MetaData = import_module(f"{service}.db").METADATA
    return described


def drift(database: TestDatabase, described: MetaData) -> list[str]:
    """What the classes say and no migration has built, or the other way round. Empty is good. Comments may differ."""
    found = asyncio.run(_with_context(database, lambda context: compare_metadata(context, described)))
    built = asyncio.run(_constraint_names(database))
    lacking = sorted(_constraints(described) - built)
    shapes = [line for line in map(_said, found) if "_comment " not in line]
    return [f"{database.service}: {line}" for line in (*shapes, *(f"no constraint {name}" for name in lacking))]


def statements(database: TestDatabase, described: MetaData) -> tuple[str, str]:
    """Python that builds what is lacking, and that takes it back. Empty when nothing is."""
    if not drift(database, described):
        return "", ""
    script = asyncio.run(_with_context(database, lambda context: produce_migrations(context, described)))
    assert script.upgrade_ops is not None
    assert script.downgrade_ops is not None
    return render_python_code(script.upgrade_ops), render_python_code(script.downgrade_ops)


async def _with_context(database: TestDatabase, question: Callable[[MigrationContext], T]) -> T:
    engine = create_async_engine(
        database.url("owner").replace("postgresql:", "postgresql+asyncpg:"), poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: question(_context(sync, database.service)))
    finally:
        await engine.dispose()


async def _constraint_names(database: TestDatabase) -> set[str]:
    async with database.connect("owner") as owner:
        return {row[0] for row in await owner.fetch(_CONSTRAINTS, database.service)}


def _context(connection: Connection, service: str) -> MigrationContext:
    """Sees the service's own schema, without the tables that every service has from the kit."""

    def is_ours(name: str | None, kind: str, _parents: Mapping[str, str | None]) -> bool:
        return name == service if kind == "schema" else kind != "table" or not _is_machinery(str(name))

    options = {"include_schemas": True, "include_name": is_ours, "version_table_schema": service, "compare_type": True}
    return MigrationContext.configure(connection, opts=options)


def _is_machinery(table: str) -> bool:
    ours = [*MACHINERY.tables, *IMPORTS.tables]
    return table == "alembic_version" or any(table.startswith(name) for name in ours)


def _said(difference: object) -> str:
    """Alembic's tuple, or list of tuples for one column, as words."""
    if isinstance(difference, list):
        return "; ".join(_said(part) for part in difference)
    words, *what = difference if isinstance(difference, tuple) else (difference,)
    return " ".join([str(words), *(str(part) for part in what if part is not None)])


def _constraints(described: MetaData) -> set[str]:
    """Names of the constraints that alembic does not compare, with their tables."""
    return {
        f"{table.name}.{constraint.name}"
        for table in described.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint | ExcludeConstraint)
    }
