"""What runs: every service asked how it is, at most every two seconds however many look."""

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import httpx
from pydantic import BaseModel
from starlette.types import ASGIApp

from plantkit.clock import utc_now

FRESH_S = 2.0
ABOUT = {
    "operations": "Work orders, operations, resources",
    "records": "Records and their proof",
    "imports": "Spreadsheets that become commands",
    "gateway": "The front door",
}


class Part(BaseModel):
    """One part of a service."""

    name: str
    up: bool
    detail: str = ""


class ServiceStatus(BaseModel):
    """One service as it says itself; `down` when it does not answer."""

    name: str
    about: str
    status: Literal["healthy", "in trouble", "down"]
    parts: list[Part]


class PlantStatus(BaseModel):
    """The whole stack at a moment."""

    plant: str
    at: datetime
    healthy: int
    services: list[ServiceStatus]


class Watch:
    """Asks each service's `/health/detailed`, the gateway's own without leaving the process."""

    def __init__(self, plant: str, base_urls: Mapping[str, str], own: str, app: ASGIApp) -> None:
        self._plant, self._base_urls, self._own, self._app = plant, dict(base_urls), own, app
        self._last: PlantStatus | None = None
        self._asked_at = -FRESH_S
        self._asking = asyncio.Lock()

    async def status(self) -> PlantStatus:
        async with self._asking:
            if self._last is None or time.monotonic() - self._asked_at >= FRESH_S:
                self._last = await self._ask()
                self._asked_at = time.monotonic()
            return self._last

    async def _ask(self) -> PlantStatus:
        inside = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with (
            httpx.AsyncClient(timeout=1.5, trust_env=False) as client,
            httpx.AsyncClient(transport=inside) as own,
        ):
            asked = [_one(client, name, url) for name, url in self._base_urls.items()]
            services = await asyncio.gather(*asked, _one(own, self._own, "http://gateway"))
        healthy = sum(one.status == "healthy" for one in services)
        return PlantStatus(plant=self._plant, at=utc_now(), healthy=healthy, services=list(services))


async def _one(client: httpx.AsyncClient, name: str, base_url: str) -> ServiceStatus:
    try:
        answer = await client.get(f"{base_url.rstrip('/')}/health/detailed")
        told: Any = answer.json()
    except (httpx.HTTPError, ValueError):
        told = None
    if not isinstance(told, dict) or "database" not in told:
        return ServiceStatus(name=name, about=ABOUT[name], status="down", parts=[])
    parts = parts_of(told)
    status: Literal["healthy", "in trouble"] = "healthy" if all(part.up for part in parts) else "in trouble"
    return ServiceStatus(name=name, about=ABOUT[name], status=status, parts=parts)


def parts_of(told: Mapping[str, Any]) -> list[Part]:
    """The database, the relay and each consumer, as `/health/detailed` tells of them."""
    messaging = told.get("messaging") or {}
    relay, consumers = messaging.get("relay"), messaging.get("consumers") or []
    parts = [Part(name="database", up=told["database"].get("status") == "up")]
    if relay is not None:
        parts.append(Part(name="relay", up=relay.get("trouble") is None))
    return parts + [_consumer(consumer) for consumer in consumers]


def _consumer(told: Mapping[str, Any]) -> Part:
    lag = told.get("lag")
    behind = f"{lag} behind" if lag else ""
    return Part(name=str(told.get("group")), up=told.get("trouble") is None, detail=behind)
