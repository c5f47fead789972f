"""Connections of the machinery's own: a relay must not wait behind requests for one of the pool's."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import asyncpg
from sqlalchemy.engine import make_url

from plantkit.db.engine import FAILED, server_settings
from plantkit.settings import ServiceSettings

_ANSWER_S = 20.0


def dedicated(settings: ServiceSettings, **session: str) -> AbstractAsyncContextManager[asyncpg.Connection]:
    """One connection with the service's limits and the given session settings; closed at the end.

    Raises whatever asyncpg raises when the database cannot be reached, and TimeoutError when it stops answering.
    """
    return _connected(settings, session, _ANSWER_S)


def unhurried(settings: ServiceSettings, **session: str) -> AbstractAsyncContextManager[asyncpg.Connection]:
    """As `dedicated`, for statements that may take as long as they need."""
    unlimited = {"statement_timeout": "0", "idle_in_transaction_session_timeout": "0"}
    return _connected(settings, unlimited | session, None)


@asynccontextmanager
async def _connected(
    settings: ServiceSettings, session: Mapping[str, str], answer_s: float | None
) -> AsyncIterator[asyncpg.Connection]:
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    connection = await asyncpg.connect(
        url.render_as_string(hide_password=False),
        timeout=5,
        command_timeout=answer_s,
        server_settings={**server_settings(settings), **session},
    )
    try:
        yield connection
    finally:
        await _close(connection)


async def _close(connection: asyncpg.Connection) -> None:
    try:
        await connection.close(timeout=2)
    except FAILED:
        connection.terminate()
