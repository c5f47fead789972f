"""One pool of connections. SQLAlchemy keeps the pool and builds the statements; asyncpg runs them directly.

Going through asyncpg itself is worth several times the commands per second (docs/adr/0001).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import asyncpg
from sqlalchemy import ClauseElement, PoolProxiedConnection
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import greenlet_spawn

from plantkit.errors import Unavailable
from plantkit.settings import ServiceSettings

ENDED_SESSION = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # said of a session that the server has ended and whose socket is still open
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
)
LOST_CONNECTION = (*ENDED_SESSION, OSError)
FAILED = (asyncpg.PostgresError, *LOST_CONNECTION)
"""Whatever the driver may raise when it is asked. The pool itself raises Unavailable."""
TOO_BUSY = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, asyncpg.TooManyConnectionsError)
"""The database answers, and not in time: a lock, a statement or a session would have had to wait for too long."""
_DIALECT: Dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
_PING_AFTER_IDLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Compiled:
    """A statement as text with the names of its parameters in order."""

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]

    def arguments(self, given: Mapping[str, Any]) -> list[Any]:
        return [given[name] if name in given else self.fixed[name] for name in self.names]


def compile_statement(statement: ClauseElement) -> Compiled:
    """Text for asyncpg. Compile once, at import or first use: it costs more than running the statement."""
    compiled: Any = statement.compile(dialect=_DIALECT)
    if "POSTCOMPILE" in str(compiled):
        raise TypeError("IN grows with its values; compare with `= any(:values)` instead")
    return Compiled(str(compiled), tuple(compiled.positiontup or ()), dict(compiled.params))


class Database:
    """The service's own schema, as its own role."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.engine = _engine(settings)
        self._turns = asyncio.Semaphore(settings.db_pool_size + settings.db_pool_overflow)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A pooled asyncpg connection outside any transaction, first come, first served: the pool by itself serves
        whoever happens to ask when one comes back, and who waits may wait for ever. Raises Unavailable when none is
        to be had.
        """
        await self._take_turn()
        try:
            async with self._pooled() as driver:
                yield driver
        finally:
            self._turns.release()

    async def _take_turn(self) -> None:
        try:
            async with asyncio.timeout(self.settings.db_pool_wait_s):
                await self._turns.acquire()
        except TimeoutError:
            raise self._none_free() from None

    def _none_free(self) -> Unavailable:
        return Unavailable(f"No database connection was free within {self.settings.db_pool_wait_s:g} s.")

    @asynccontextmanager
    async def _pooled(self) -> AsyncIterator[asyncpg.Connection]:
        pooled = await self._checkout()
        driver = cast("asyncpg.Connection", pooled.driver_connection)
        try:
            yield driver
        finally:
            if driver.is_closed() or driver.is_in_transaction():
                await greenlet_spawn(pooled.invalidate)
            else:
                pooled.info["used_at"] = time.monotonic()
                await self._give_back(pooled)

    async def _give_back(self, pooled: PoolProxiedConnection) -> None:
        """Without a word to the server, for nothing is open on it; unless it is one too many, which the pool closes."""
        pool = self.engine.pool
        assert isinstance(pool, QueuePool)
        if pool.overflow() > 0:
            await greenlet_spawn(pooled.close)
        else:
            pooled.close()

    async def _checkout(self) -> PoolProxiedConnection:
        while True:
            try:
                pooled = await self.engine.raw_connection()
            except PoolTimeout:
                raise self._none_free() from None
            except (*FAILED, DBAPIError, EmulatedDBAPIException) as away:
                raise Unavailable("The database cannot be reached at the moment.") from away
            try:
                alive = await self._alive(pooled)
            except BaseException:  # the caller was cancelled while we asked
                await greenlet_spawn(pooled.invalidate)
                raise
            if alive:
                return pooled
            await greenlet_spawn(pooled.invalidate)

    async def _alive(self, pooled: PoolProxiedConnection) -> bool:
        """Ask only a connection that rested: a ping before every command would cost more than the command."""
        driver = cast("asyncpg.Connection", pooled.driver_connection)
        if driver.is_closed():
            return False
        rested = time.monotonic() - pooled.info.get("used_at", time.monotonic())
        if not self.settings.db_pool_pre_ping or rested < _PING_AFTER_IDLE_S:
            return True
        try:
            await driver.fetchval("SELECT 1", timeout=2)
        except FAILED:
            return False
        return True

    async def fetch(self, statement: Compiled, **given: Any) -> Sequence[asyncpg.Record]:
        """Rows of one statement in a transaction of its own."""
        async with self.connection() as connection:
            return await connection.fetch(statement.sql, *statement.arguments(given))

    async def dispose(self) -> None:
        await self.engine.dispose()


def _engine(settings: ServiceSettings) -> AsyncEngine:
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+asyncpg")
    return create_async_engine(
        url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_pool_overflow,
        pool_recycle=settings.db_pool_recycle_s,
        pool_timeout=settings.db_pool_wait_s,
        pool_reset_on_return=None,
        json_deserializer=str,  # jsonb travels as text: payloads and headers are encoded and decoded once, by us
        connect_args={"server_settings": server_settings(settings), "statement_cache_size": 512, "timeout": 5},
    )


def server_settings(settings: ServiceSettings) -> dict[str, str]:
    """Limits of every session, so that no lock or statement of ours outlives its caller's patience."""
    return {
        "application_name": f"takt-{settings.service}",
        "search_path": settings.service,
        "timezone": "UTC",
        "jit": "off",
        "statement_timeout": f"{settings.db_statement_timeout_s * 1000:.0f}",
        "lock_timeout": f"{settings.db_lock_timeout_s * 1000:.0f}",
        "idle_in_transaction_session_timeout": "8000",
    }
