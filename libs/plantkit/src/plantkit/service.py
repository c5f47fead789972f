"""Make a service from its slices: routes, consumers, background loops, health, metrics, documents."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI

from plantkit.audit import Refusals
from plantkit.auth.tokens import Verifier
from plantkit.clock import Clock, utc_now
from plantkit.context import Context
from plantkit.db.engine import Database
from plantkit.http import openapi, problems
from plantkit.http.consistency import Consistency
from plantkit.http.health import health_routes
from plantkit.http.middleware import RequestScope
from plantkit.messaging.archive import archive_routes
from plantkit.messaging.wake import Wake
from plantkit.messaging.wiring import Messaging
from plantkit.observability import logs, traces
from plantkit.observability.metrics import SERVICE_INFO
from plantkit.resources.routes import routes
from plantkit.settings import Loop, ServiceSettings
from plantkit.slice import Slice
from plantkit.strategies import CommandStrategies

API = "/api/v1"
log = logs.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service's name, its settings and its table of contents."""

    name: str
    settings: type[ServiceSettings]
    slices: tuple[Slice, ...]
    root_routers: tuple[APIRouter, ...] = field(default=())
    openapi_url: str | None = "/openapi.json"
    commands: CommandStrategies = field(default_factory=CommandStrategies)

    def verifier(self, settings: ServiceSettings, db: Database, clock: Clock) -> Verifier:
        """What judges access tokens; the gateway's also asks whether the sign-in still runs."""
        return Verifier(settings.jwks_url)

    def app(self, settings: ServiceSettings, *, clock: Clock = utc_now) -> FastAPI:
        """The ASGI application. Nothing is connected before its lifespan starts."""
        context = self.context(settings, clock)
        messaging = Messaging(context, self.slices)
        app = FastAPI(
            title=f"Takt {self.name}",
            version="1",
            lifespan=_lifespan(context, messaging, self.slices),
            openapi_url=self.openapi_url,
            docs_url=None,
            redoc_url=None,
            separate_input_output_schemas=True,
        )
        app.state.context, app.state.messaging, app.state.at_sigterm = context, messaging, []
        problems.install(app)
        openapi.install(app)
        app.add_middleware(RequestScope)
        for router in self.root_routers:
            app.include_router(router)
        for router in _routers(self.slices):
            app.include_router(router, prefix=API)
        app.include_router(self.about_messaging(messaging), prefix=API)
        app.include_router(archive_routes(context.db), prefix=API)
        # Paths are compared in this order, one after the other: what is asked most comes first.
        app.include_router(health_routes(context, messaging))
        return app

    def about_messaging(self, messaging: Messaging) -> APIRouter:
        """What the service serves about its messaging, for the gateway."""
        return messaging.routes()

    def context(self, settings: ServiceSettings, clock: Clock) -> Context:
        """What the application stands on; also for work beside it, in a process of its own."""
        db, wake = Database(settings), Wake()
        return Context(
            settings=settings,
            db=db,
            clock=clock,
            verifier=self.verifier(settings, db, clock),
            wake=wake,
            refusals=Refusals(db, settings, clock, wake),
            consistency=Consistency(settings.consistency_secret.get_secret_value(), settings.service),
            commands=self.commands,
        )


def _routers(slices: Sequence[Slice]) -> list[APIRouter]:
    made = [router for part in slices for router in part.routers]
    return made + [routes(resource) for part in slices for resource in part.resources]


def _lifespan(context: Context, messaging: Messaging, slices: Sequence[Slice]) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        provider = traces.start(context.settings)
        SERVICE_INFO.labels(context.settings.service, context.settings.plant).set(1)
        await messaging.start(context.settings.loops)
        loops = _background(app, context, slices)
        log.info("service.started", service=context.settings.service)
        yield
        await _cancel(loops)
        await context.refusals.flush()
        await messaging.stop()
        await context.db.dispose()
        if provider is not None:
            provider.shutdown()
        log.info("service.stopped", service=context.settings.service)

    return lifespan


def _background(app: FastAPI, context: Context, slices: Sequence[Slice]) -> list[asyncio.Task[None]]:
    begun: list[Any] = [context.refusals.run()]
    if Loop.API in context.settings.loops:
        begun += [loop(app) for part in slices for loop in part.loops]
    if Loop.WORKER in context.settings.loops:
        begun += [worker(app) for part in slices for worker in part.workers]
    return [_watched(loop) for loop in begun]


def _watched(loop: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A loop that fails takes its process along: whoever started that starts it again, and nobody waits in vain."""

    def ended(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("loop.failed", error=type(error).__name__, exc_info=error)
            signal.raise_signal(signal.SIGTERM)

    task = asyncio.create_task(loop)
    task.add_done_callback(ended)
    return task


async def _cancel(loops: Sequence[asyncio.Task[None]]) -> None:
    for task in loops:
        task.cancel()
    await asyncio.gather(*loops, return_exceptions=True)
