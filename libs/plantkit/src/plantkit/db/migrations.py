"""What every service's `migrations/env.py` calls."""

import asyncio

from alembic import context
from sqlalchemy import Connection, MetaData
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def run(metadata: MetaData) -> None:
    """Run the requested revisions, one transaction each, with the version table in the service's own schema."""
    asyncio.run(_run(metadata))


async def _run(metadata: MetaData) -> None:
    service = context.config.attributes["service"]
    url = make_url(context.config.attributes["url"]).set(drivername="postgresql+asyncpg")
    settings = {"search_path": service, "timezone": "UTC", "application_name": f"takt-migrate-{service}"}
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"server_settings": settings})
    async with engine.connect() as connection:
        await connection.run_sync(_migrate, metadata, service)
    await engine.dispose()


def _migrate(connection: Connection, metadata: MetaData, service: str) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table_schema=service,
        include_schemas=True,
        transaction_per_migration=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
