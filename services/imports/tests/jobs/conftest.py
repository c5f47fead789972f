"""One plant a test module; whatever its tests do, every import has gone a legal way."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from plantkit.storage import Storage
from plantkit.testing.database import TestDatabase
from services.imports.tests.jobs.plant import Plant
from takt_contracts.imports.jobs import ImportMoved, ImportState

S = ImportState
# Written out again, on purpose: where an import may go from each state.
WAYS: dict[ImportState | None, set[ImportState]] = {
    None: {S.UPLOADED},
    S.UPLOADED: {S.PARSED, S.FAILED, S.CANCELLED},
    S.PARSED: {S.MAPPED, S.FAILED, S.CANCELLED},
    S.MAPPED: {S.MAPPED, S.VALIDATED, S.FAILED, S.CANCELLED},
    S.VALIDATED: {S.PLANNED, S.FAILED, S.CANCELLED},
    S.PLANNED: {S.COMMITTING, S.FAILED, S.CANCELLED},
    S.COMMITTING: {S.DONE, S.FAILED, S.CANCELLED},
    S.DONE: set(),
    S.FAILED: set(),
    S.CANCELLED: set(),
}
ENDS = (S.DONE, S.FAILED, S.CANCELLED)


@pytest.fixture(scope="module")
async def plant(app: FastAPI, database: TestDatabase, client: httpx.AsyncClient) -> Plant:
    context = app.state.context
    return Plant(context, database, Storage(context.settings.storage_url), client)


@pytest.fixture(autouse=True)
async def every_import_goes_a_legal_way(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    yield
    if "plant" not in request.fixturenames:
        return
    database: TestDatabase = request.getfixturevalue("database")
    async with database.connect() as connection:
        rows = await connection.fetch(
            "SELECT aggregateid, payload FROM outbox WHERE aggregatetype = 'import' ORDER BY aggregateid, version"
        )
    before: dict[str, ImportMoved] = {}
    for row in rows:
        event = ImportMoved.model_validate_json(row["payload"])
        known = before.get(row["aggregateid"])
        assert event.version == (1 if known is None else known.version + 1)
        assert event.state.state in WAYS[None if known is None else known.state.state]
        totals = event.state.totals.model_dump()
        known_rows = sum(count for name, count in totals.items() if name != "rows")
        assert known_rows == totals["rows"] if event.state.state in ENDS else known_rows <= totals["rows"]
        before[row["aggregateid"]] = event
