"""Health in the three questions that platforms ask, and one answer for people."""

import asyncio
import hmac
from ipaddress import ip_address
from typing import Any, Protocol

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from plantkit.context import Context
from plantkit.db.engine import FAILED, compile_statement
from plantkit.errors import Forbidden, Unavailable
from plantkit.observability.metrics import DB_POOL_IN_USE, DB_UP

_ASK = compile_statement(text("SELECT version_num FROM alembic_version"))
_SCRAPE_S = 5.0
"""Prometheus gives up after ten."""
_UNREADY: dict[int | str, dict[str, Any]] = {
    503: {"description": "The same, while something is in trouble.", "model": dict[str, Any]}
}


class Part(Protocol):
    """Something that can be unready: the messaging of a service."""

    def ready(self) -> list[str]:
        """Why it is not ready, in sentences; empty when it is."""

    def health(self) -> dict[str, Any]:
        """Details for people."""


async def database_trouble(context: Context) -> list[str]:
    """Empty when the database answers and is migrated."""
    try:
        migrated = await context.db.fetch(_ASK)
    except (*FAILED, Unavailable) as away:
        DB_UP.set(0)
        return [f"The database does not answer: {type(away).__name__}."]
    DB_UP.set(1)
    return [] if migrated else ["The schema is not migrated."]


async def _look_at_the_database(context: Context) -> None:
    """A gauge that was set by the last question for health would tell of a moment long past."""
    try:
        async with asyncio.timeout(_SCRAPE_S):
            await database_trouble(context)
    except TimeoutError:
        DB_UP.set(0)


def health_routes(context: Context, messaging: Part) -> APIRouter:
    """`/health*`, `/livez`, `/readyz` (also under /api/v1) and `/metrics`."""
    root, router = APIRouter(), APIRouter(tags=["system"])

    @router.get("/health/live", openapi_extra={"security": []})
    @router.get("/livez", openapi_extra={"security": []})
    async def live() -> dict[str, str]:
        """The process runs. Never asks anything else."""
        return {"status": "up"}

    @router.get("/health/ready", openapi_extra={"security": []}, responses=_UNREADY)
    @router.get("/readyz", openapi_extra={"security": []}, responses=_UNREADY)
    async def ready(response: Response) -> dict[str, Any]:
        """Whether requests can be served now: database, migrations, broker loops."""
        trouble = await database_trouble(context) + messaging.ready()
        response.status_code = 503 if trouble else 200
        return {"status": "not ready" if trouble else "ready", "trouble": trouble}

    @router.get("/health", openapi_extra={"security": []}, responses=_UNREADY)
    @router.get("/health/detailed", openapi_extra={"security": []}, responses=_UNREADY)
    async def detailed(response: Response) -> dict[str, Any]:
        """Each part with its own state. Answers 503 when one is in trouble."""
        database, loops = await database_trouble(context), messaging.ready()
        response.status_code = 503 if database or loops else 200
        return {
            "status": "in trouble" if database or loops else "healthy",
            "service": context.settings.service,
            "plant": context.settings.plant,
            "database": {"status": "down" if database else "up", "trouble": database},
            "messaging": {"status": "down" if loops else "up", "trouble": loops, **messaging.health()},
        }

    @root.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        """Prometheus text, for this machine or for the holder of the metrics token."""
        _refuse_strangers(context, request)
        await _look_at_the_database(context)
        DB_POOL_IN_USE.set(context.db.engine.pool.checkedout())  # type: ignore[attr-defined]  # QueuePool has it
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    root.include_router(router)
    root.include_router(router, prefix="/api/v1", include_in_schema=False)
    return root


def _refuse_strangers(context: Context, request: Request) -> None:
    token = context.settings.metrics_token
    sent = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token is not None and hmac.compare_digest(sent.encode(), token.get_secret_value().encode()):
        return
    peer = request.client.host if request.client else ""
    if not (peer and ip_address(peer).is_loopback):
        raise Forbidden("Metrics are for this machine, or for the holder of TAKT_METRICS_TOKEN.")
