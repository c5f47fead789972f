"""Connections of the machinery's own: a relay must not wait behind requests for one of the pool's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from sqlalchemy.engine import make_url

from plantkit.db.engine import server_settings
from plantkit.settings import ServiceSettings

_ANSWER_S = 20.0


@asynccontextmanager
async def dedicated(settings: ServiceSettings, **session: str) -> AsyncIterator[asyncpg.Connection]:
    """One connection with the service's limits and the given session settings; closed at the end.

    Raises whatever asyncpg raises when the database cannot be reached, and TimeoutError when it stops answering.
    """
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    connection = await asyncpg.connect(
        url.render_as_string(hide_password=False),
        timeout=5,
        command_timeout=_ANSWER_S,
        server_settings=server_settings(settings) | session,
    )
    try:
        yield connection
    finally:
        await _close(connection)


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=2)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        connection.terminate()
