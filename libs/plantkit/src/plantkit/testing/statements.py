"""Which statements a service sends while it answers: how many they are, and how the database goes about each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from fastapi import FastAPI
from sqlalchemy import event

from plantkit.context import Context

Sent = asyncpg.connection.LoggedQuery
_OF_THE_DRIVER = ("current_setting('jit')", "typeinfo_tree")
"""In what the driver asks on its own, once a connection, to know the types of arguments."""
_BESIDE = ("SELECT 1", "SELECT pg_notify($1, '')")
"""What the pool asks a connection that has rested, and what is said to relays after the commits of others."""


@asynccontextmanager
async def statements(app: FastAPI) -> AsyncIterator[list[Sent]]:
    """All that `app` sends through its pool meanwhile, in order. The list is whole when the context has ended."""
    context: Context = app.state.context
    sent: list[Sent] = []

    def keep(statement: Sent) -> None:
        if statement.query not in _BESIDE and not any(mark in statement.query for mark in _OF_THE_DRIVER):
            sent.append(statement)

    def listen(connection: Any, *_: object) -> None:
        connection.driver_connection.add_query_logger(keep)

    def leave(connection: Any, *_: object) -> None:
        connection.driver_connection.remove_query_logger(keep)

    pool = context.db.engine.sync_engine
    hooks = (("checkout", listen), ("checkin", leave))
    for name, hook in hooks:
        event.listen(pool, name, hook)
    try:
        yield sent
        await asyncio.sleep(0)  # the driver tells of a statement in the loop's next turn
    finally:
        for name, hook in hooks:
            event.remove(pool, name, hook)


async def plan_of(connection: asyncpg.Connection, statement: Sent) -> list[dict[str, Any]]:
    """Every node of the plan by which the database answers the same statement once more, with what it met."""
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.query}", *statement.args)
    return list(_nodes(orjson.loads(found)[0]["Plan"]))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from _nodes(inner)
