"""An audit entry that is written outside of its command's transaction is convicted; the product's is not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from plantkit.db.row import Values
from plantkit.db.tx import Tx
from plantkit.db.writer import Writes
from plantkit.ids import new_id
from plantkit.service import Service
from plantkit.settings import ServiceSettings
from plantkit.strategies import CommandStrategies, as_one_statement
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import Signer
from services.records.tests.stage import SCHEMA, TYPES
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
UNAUDITED = """
SELECT count(*) FROM outbox fact
WHERE fact.aggregatetype <> 'audit' AND fact.aggregatetype <> 'checkpoint' AND 1 <> (
    SELECT count(*) FROM outbox entry WHERE entry.aggregatetype = 'audit'
    AND entry.headers ->> 'ce_correlationid' = fact.headers ->> 'ce_correlationid')
"""
UNFOUNDED = """
SELECT count(*) FROM outbox entry
WHERE entry.aggregatetype = 'audit' AND entry.payload::jsonb #>> '{state,outcome}' = 'changed' AND NOT EXISTS (
    SELECT FROM outbox fact WHERE fact.aggregatetype <> 'audit'
    AND entry.headers ->> 'ce_correlationid' = fact.headers ->> 'ce_correlationid')
"""


class Killed(Exception):
    """The process died between two transactions."""


def _parted(writes: Writes) -> tuple[Writes, Writes]:
    """What a command writes, and its audit entry."""
    entries = [row for row in writes.outbox if row["aggregatetype"] == "audit"]
    facts = [row for row in writes.outbox if row["aggregatetype"] != "audit"]
    return replace(writes, outbox=facts), Writes(outbox=entries)


async def _audit_afterwards(tx: Tx, writes: Writes) -> Values:
    """Commits the change; its entry would be next."""
    change, _ = _parted(writes)
    await as_one_statement(tx, change)
    if tx.begun:
        await tx.connection.execute("COMMIT")
    raise Killed


async def _audit_before(tx: Tx, writes: Writes) -> Values:
    """Commits the entry; the change would be next."""
    if tx.begun:
        await tx.connection.execute("ROLLBACK")
    _, entry = _parted(writes)
    await as_one_statement(tx, entry)
    raise Killed


async def _dies_before(tx: Tx, writes: Writes) -> Values:
    """The product, at the same moment: it has one transaction, so nothing of it is there."""
    await tx.begin()
    await as_one_statement(tx, writes)
    raise Killed


@asynccontextmanager
async def running(service: Service, settings: ServiceSettings, commands: CommandStrategies) -> AsyncIterator[FastAPI]:
    made = replace(service, commands=commands).app(settings)
    async with made.router.lifespan_context(made):
        yield made


@pytest.mark.parametrize(
    ("write", "unaudited", "unfounded"),
    [
        (as_one_statement, 0, 0),
        (_dies_before, 0, 0),
        (_audit_afterwards, 1, 0),
        (_audit_before, 0, 1),
    ],
)
async def test_a_change_and_its_entry_are_both_there_or_neither_is(
    app: FastAPI, service: Service, settings: ServiceSettings, signer: Signer, database: TestDatabase,
    write: object, unaudited: int, unfounded: int,
) -> None:  # fmt: skip
    assert app.state.context is not None, (
        "the product has started on this database before, and left nothing to begin with"
    )
    before = await counted(database)
    async with running(service, settings, CommandStrategies(write=write)) as wrong:  # type: ignore[arg-type]  # one of the above
        wrong.state.context.verifier.trust(signer.jwks)
        transport = httpx.ASGITransport(wrong, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://takt") as client:
            status = await new_type(client, signer)

    after = await counted(database)
    assert status == (201 if write is as_one_statement else 500)
    assert (after[0] - before[0], after[1] - before[1]) == (unaudited, unfounded)


async def new_type(client: httpx.AsyncClient, signer: Signer) -> int:
    name = f"type-{str(new_id())[-12:]}"
    kind = {"name": name, "title": name, "content_schema": SCHEMA, "creators": ["QUALITY"]}
    headers = {**signer.headers(Role.ADMIN), "idempotency-key": str(new_id())}
    return (await client.post(TYPES, json=kind, headers=headers)).status_code


async def counted(database: TestDatabase) -> tuple[int, int]:
    async with database.connect() as connection:
        return await connection.fetchval(UNAUDITED), await connection.fetchval(UNFOUNDED)
