"""Writes batches of an import while the next ones are still judged: the database and Python work at the same time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg

from plantkit.db.writer import Writes, statement


class Overtaken(Exception):
    """A row changed after it was read."""


class Pen:
    """At most one statement is under way. What goes wrong with it is raised by whatever is asked next."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._under_way: asyncio.Task[None] | None = None

    async def write(self, writes: Writes) -> None:
        """Start it, once the one before has ended. Its arguments are put together meanwhile."""
        ready = statement(writes.shape)
        given = ready.arguments(writes.arguments())
        await self.settle()
        self._under_way = asyncio.create_task(self._run(ready.sql, given, writes.changed_rows))
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """Wait until all is written. Raises Overtaken, and what the database raised."""
        task, self._under_way = self._under_way, None
        if task is not None:
            await task

    async def _run(self, sql: str, given: Sequence[Any], expected: int) -> None:
        outcome = await self._connection.fetchrow(sql, *given)
        if outcome is None or outcome["changed"] != expected:
            raise Overtaken


@asynccontextmanager
async def pen(connection: asyncpg.Connection) -> AsyncIterator[Pen]:
    """A pen that leaves no statement under way, however it ends."""
    made = Pen(connection)
    try:
        yield made
        await made.settle()
    except BaseException:
        with suppress(Exception):  # what is raised already says why
            await made.settle()
        raise


@asynccontextmanager
async def savepoint(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """What fails inside leaves the transaction as it was before."""
    await connection.execute("SAVEPOINT rows")
    try:
        yield
    except Exception:
        await connection.execute("ROLLBACK TO SAVEPOINT rows; RELEASE SAVEPOINT rows")
        raise
    await connection.execute("RELEASE SAVEPOINT rows")
