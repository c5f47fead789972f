"""Health and metrics answer whatever becomes of the session that they ask with."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI

from libs.plantkit.tests.http.conftest import NO_DATABASE, context_for
from plantkit.db.engine import Compiled, Database
from plantkit.http import problems
from plantkit.http.health import health_routes


class CutOff(Database):
    """Its session ends in the middle of each question."""

    ending: Exception

    async def fetch(self, statement: Compiled, **given: Any) -> Sequence[asyncpg.Record]:
        raise self.ending


class Silent:
    """Messaging that is never in trouble."""

    def ready(self) -> list[str]:
        return []

    def health(self) -> dict[str, Any]:
        return {}


@pytest.fixture(
    params=[
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.InterfaceError("connection is closed"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.AdminShutdownError("terminating connection due to administrator command"),
        ConnectionResetError("Connection reset by peer"),
    ],
    ids=lambda ending: type(ending).__name__,
)
async def asked(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    context = context_for(NO_DATABASE)
    cut_off = CutOff(context.settings)
    cut_off.ending = request.param
    app = FastAPI()
    problems.install(app)
    app.include_router(health_routes(replace(context, db=cut_off), Silent()))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://takt") as client:
        yield client


async def test_a_scrape_that_lost_its_session_says_that_the_database_is_away(asked):
    told = await asked.get("/metrics")

    assert told.status_code == 200
    assert "takt_db_up 0.0" in told.text.splitlines()


async def test_a_service_that_lost_its_session_is_not_ready(asked):
    told = await asked.get("/health/ready")

    assert told.status_code == 503
    assert told.json()["trouble"][0].startswith("The database does not answer: ")
