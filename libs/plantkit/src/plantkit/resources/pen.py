"""Writes batches of an import while the next ones are still judged: the database and Python work at the same time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from plantkit.db.bulk import copy_rows, copy_told
from plantkit.db.row import Row
from plantkit.db.writer import Writes, statement
from plantkit.resources.references import table_of


class Overtaken(Exception):
    """A row changed after it was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """New rows that depend on nothing else that is written, and the facts about all rows."""

    rows: Sequence[Row]
    told: Sequence[Mapping[str, Any]]
    now: datetime


class Pen:
    """At most one statement is under way. What goes wrong with it is raised by whatever is asked next."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._under_way: asyncio.Task[None] | None = None

    async def write(self, writes: Writes, copies: Copies) -> None:
        """Start it, once what came before has ended."""
        await self.settle()
        self._under_way = asyncio.create_task(self._run(writes, copies))
        await asyncio.sleep(0)

    async def settle(self) -> None:
        """Wait until all is written. Raises Overtaken, and what the database raised."""
        task, self._under_way = self._under_way, None
        if task is not None:
            await task

    async def _run(self, writes: Writes, copies: Copies) -> None:
        if copies.rows:
            await copy_rows(self._connection, table_of(copies.rows[0]), copies.rows)
        if writes.inserted or writes.updated:
            ready = statement(writes.shape)
            outcome = await self._connection.fetchrow(ready.sql, *ready.arguments(writes.arguments()))
            if outcome is None or outcome["changed"] != writes.changed_rows:
                raise Overtaken
        await copy_told(self._connection, copies.told, copies.now)


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
