"""The gateway's table of contents."""

from dataclasses import dataclass
from typing import cast

from fastapi import APIRouter, FastAPI

from gateway import pages
from gateway.activity.slice import SLICE as ACTIVITY
from gateway.console.slice import ROOT_ROUTERS as PAGE
from gateway.console.slice import SLICE as CONSOLE
from gateway.console.status import Watch
from gateway.documents.shelf import Shelf
from gateway.documents.slice import ROOT_ROUTERS as DOCUMENTS
from gateway.identity.door import SignInVerifier
from gateway.identity.parts import identity
from gateway.identity.routes import keys
from gateway.identity.slice import SLICE as IDENTITY
from gateway.order_card.slice import SLICE as ORDER_CARD
from gateway.parked.slice import SLICE as PARKED
from gateway.pass_through import wiring
from gateway.pass_through.slice import SLICE as PASS_THROUGH
from gateway.settings import Settings
from gateway.stream.parts import streams
from gateway.stream.slice import SLICE as STREAM
from gateway.uploads.before import instead_of_404
from gateway.uploads.desk import Desk
from gateway.uploads.slice import SLICE as UPLOADS
from plantkit.auth.tokens import Verifier
from plantkit.clock import Clock, utc_now
from plantkit.context import Context
from plantkit.db.engine import Database
from plantkit.messaging.redrive import Turnstile
from plantkit.messaging.wiring import Messaging
from plantkit.service import Service
from plantkit.settings import ServiceSettings
from plantkit.storage import Storage

SLICES = (IDENTITY, ACTIVITY, ORDER_CARD, STREAM, CONSOLE, UPLOADS, PARKED, PASS_THROUGH)


@dataclass(frozen=True, kw_only=True)
class Gateway(Service):
    """A service that also asks whether a sign-in still runs, and passes on what others own."""

    def verifier(self, settings: ServiceSettings, db: Database, clock: Clock) -> Verifier:
        return SignInVerifier(settings.jwks_url, db, clock)

    def about_messaging(self, messaging: Messaging) -> APIRouter:
        """Nothing of its own: what every service serves for itself, the gateway serves for all of them."""
        return APIRouter()

    def app(self, settings: ServiceSettings, *, clock: Clock = utc_now) -> FastAPI:
        """The kit's application, and what only a front door has."""
        own = cast("Settings", settings)
        app = super().app(settings, clock=clock)
        context: Context = app.state.context
        app.state.identity = identity(own, cast("SignInVerifier", context.verifier))
        app.state.streams = streams(own)
        app.state.at_sigterm.append(app.state.streams.hub.close)
        app.state.shelf = Shelf(own.base_urls, self.name, app.openapi, app.version)
        app.state.watch = Watch(own.plant, own.base_urls, self.name, app)
        app.state.turnstile = Turnstile(own.redrives_per_minute)
        app.state.desk = Desk(own, Storage(own.storage_url))
        app.state.upstreams = wiring.install(app, own, context.verifier, stand_in=instead_of_404)
        pages.install(app)
        return app


SERVICE = Gateway(
    name="gateway",
    settings=Settings,
    slices=SLICES,
    root_routers=(*PAGE, *DOCUMENTS, keys),
    openapi_url=None,
)
