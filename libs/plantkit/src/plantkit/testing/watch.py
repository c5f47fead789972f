"""What a refused request must leave behind: no row, no event, no answer, and at most one entry in the audit trail."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from plantkit.testing.database import TestDatabase


async def left_behind(database: TestDatabase, table: str) -> tuple[Any, ...]:
    """A digest of the table's rows, and how many facts and stored answers there are."""
    rows = f"SELECT md5(string_agg(one::text, '|' ORDER BY id)) FROM {table} one"  # noqa: S608 -- a table of ours
    facts = "SELECT count(*) FROM outbox WHERE aggregatetype <> 'audit'"
    async with database.connect() as connection:
        return (
            await connection.fetchval(rows),
            await connection.fetchval(facts),
            await connection.fetchval("SELECT count(*) FROM idempotency"),
        )


async def audit_entries(database: TestDatabase) -> list[dict[str, Any]]:
    """The audit trail, oldest first."""
    async with database.connect() as connection:
        rows = await connection.fetch(
            "SELECT payload FROM outbox WHERE aggregatetype = 'audit' ORDER BY recorded_at, id"
        )
    return [orjson.loads(row["payload"])["state"] for row in rows]


async def refusal_codes(database: TestDatabase) -> list[str]:
    """Codes of the refusals in the audit trail, oldest first."""
    return [str(entry["code"]) for entry in await audit_entries(database) if entry["outcome"] == "refused"]


_SUMMED = {"auth.unauthenticated"}
"""Told once a minute, of requests long before: what comes meanwhile is nobody's here."""


@asynccontextmanager
async def nothing_written(database: TestDatabase, table: str, *, told: str | None = None) -> AsyncIterator[None]:
    """Inside, nothing may change but the audit trail, which gains one refusal with the code `told`, or none."""
    before, codes = await left_behind(database, table), await refusal_codes(database)
    yield
    assert await left_behind(database, table) == before, "a refused request left something behind"
    found = [code for code in (await refusal_codes(database))[len(codes) :] if code not in _SUMMED]
    assert found == ([] if told is None else [told]), f"the audit trail tells {found}"
