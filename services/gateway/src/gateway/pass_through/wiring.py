"""Plugs the pass-through into the application: one route for every path that somebody owns."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from gateway.pass_through.proxy import PassThrough, StandIn, nobody
from gateway.pass_through.rules import Header, owner_of, segments_of
from gateway.pass_through.upstream import Upstreams
from gateway.settings import Settings
from gateway.sources import source_of
from plantkit.auth.tokens import Verifier
from plantkit.errors import Unauthenticated
from takt_contracts import catalog

Owners = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Named:
    """What logs and metrics call a passed-through path: its resource, never its key."""

    path: str


class OwnedPaths(BaseRoute):
    """Matches every path whose first segment somebody owns, with any method: the owner answers 405 itself."""

    def __init__(self, owners: Owners, endpoint: PassThrough) -> None:
        self._owners, self._endpoint = owners, endpoint

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] != "http" or owner_of(scope["raw_path"], self._owners) is None:
            return Match.NONE, {}
        segments = segments_of(scope["raw_path"]) or ("",)
        return Match.FULL, {"route": Named(f"/api/v1/{segments[0]}/..." if segments[1:] else f"/api/v1/{segments[0]}")}

    def url_path_for(self, name: str, /, **path_params: object) -> URLPath:
        raise NoMatchFound(name, dict(path_params))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._endpoint(scope, receive, send)


def install(
    app: FastAPI,
    settings: Settings,
    verifier: Verifier,
    owners: Owners = catalog.owner_of,
    stand_in: StandIn = nobody,
) -> Upstreams:
    """Add the route and answer the connections, for the end of the service to close."""
    upstreams = Upstreams(settings.base_urls)

    async def admit(scope: Scope) -> None:
        scope["state"]["principal"] = await verifier.verify(bearer_of(scope))

    def added(scope: Scope) -> list[Header]:
        origin = scope["state"]["origin"]
        source = source_of(scope, settings.trusted_hops).encode()
        own = [(b"x-request-id", origin.request_id.encode()), (b"x-forwarded-for", source)]
        return own if origin.traceparent is None else [*own, (b"traceparent", origin.traceparent.encode())]

    most = settings.pass_through_max_bytes
    endpoint = PassThrough(upstreams, owners, admit=admit, added=added, most_bytes=most, stand_in=stand_in)
    app.router.routes.append(OwnedPaths(owners, endpoint))
    return upstreams


def bearer_of(scope: Scope) -> str:
    """The one access token of the request. Two of them are as good as none."""
    sent = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, token = sent[0].decode("latin-1").partition(" ") if len(sent) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("A valid access token is needed.")
    return token.strip()
