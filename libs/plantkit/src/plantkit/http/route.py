"""The one order in which every request is checked.

405 / 413, 401, 403, 400, 404, 428 / 412, 422, 409. The first four need only the request and are done here; 404 and
428 / 412 need the row, so a handler raises them, and a guard raises them here when the body is already invalid.
"""

import os.path
import re
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from fastapi import APIRouter, HTTPException, Request, Response, params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from plantkit.auth.principal import Principal
from plantkit.context import Context
from plantkit.errors import DomainError, Forbidden, Kind, Unauthenticated
from plantkit.http import consistency, idempotency
from plantkit.http.errors import Unstorable
from plantkit.http.etag import IfMatch
from plantkit.http.json import parse
from plantkit.http.openapi import described, refusals
from plantkit.http.policy import (
    WRITES,
    Policy,
    allow,
    forwarded,
    guarded,
    keyed,
    matched,
    narrowed,
    policy_of,
    public,
    queried,
)
from plantkit.http.problems import refusal_of
from plantkit.http.reading import Read, read_body, refuse_long, refuse_query, refuse_unreadable
from plantkit.idempotency import Keyed

__all__ = ["KitRoute", "Routes", "allow", "forwarded", "guarded", "keyed", "matched", "narrowed", "public", "queried"]
Answer = Callable[[Request], Coroutine[Any, Any, Response]]
_NAMED, _NO_PATH = re.compile(r"\(\?P<\w+>"), re.compile(r"(?!)")


class KitRoute(APIRoute):
    """One endpoint behind the order of checks. Refused at import when it does not say who may call it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        policy = _declared(path, endpoint)
        methods = options.get("methods") or {"GET"}
        options["openapi_extra"] = described(policy, methods, options.get("openapi_extra"))
        super().__init__(path, endpoint, **options)
        self.responses = refusals(policy, methods, body=self.body_field is not None, own=self.responses)
        self.allowed: set[str] = set(self.methods or ())

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A method that only this endpoint lacks may be another's of the same path: 405 names all of the path."""
        if scope["method"] not in (self.methods or ()):
            raise HTTPException(405, headers={"allow": ", ".join(sorted(self.allowed))})
        await super().handle(scope, receive, send)

    def get_route_handler(self) -> Answer:
        answer = super().get_route_handler()
        policy, query = policy_of(self.endpoint), list(_query_fields(self.dependant))
        gate = Gate(
            policy=policy,
            query=policy.query.union(field.alias for field in query),
            lists=frozenset(field.alias for field in query if _is_list(field.field_info.annotation)),
            reads_json=self._reads_json(),
        )

        async def checked(request: Request) -> Response:
            return await gate.let_through(request, answer)

        return checked

    def _reads_json(self) -> bool:
        return self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)


class Routes(APIRouter):
    """A router whose every endpoint carries `@allow(...)` or `@public`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=KitRoute, redirect_slashes=False, **options)
        self._allowed: dict[str, set[str]] = {}
        self._beginning = ""
        self._any = _NO_PATH

    def add_api_route(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().add_api_route(path, endpoint, **options)
        route = self.routes[-1]
        assert isinstance(route, KitRoute)
        together = self._allowed.setdefault(route.path, set())
        together |= route.allowed
        route.allowed = together
        known = [one for one in self.routes if isinstance(one, KitRoute)]
        self._beginning = _shared([one.path for one in known])
        self._any = _ending_like(known)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """A path that ends like none of the endpoints' is none of theirs; to ask each would cost more than a parse."""
        path = scope["path"]
        if self._beginning not in path or self._any.search(path) is None:
            return Match.NONE, {}
        return super().matches(scope)


def _shared(paths: Sequence[str]) -> str:
    """What every path begins with, up to the first parameter."""
    return os.path.commonpath([path.partition("{")[0] for path in paths]).rstrip("/")


def _ending_like(routes: Sequence[KitRoute]) -> re.Pattern[str]:
    """Finds every path that one of `routes` answers, behind whatever prefix, in one go."""
    patterns = (route.path_regex.pattern.removeprefix("^").removesuffix("$") for route in routes)
    return re.compile(f"(?:{'|'.join(dict.fromkeys(_NAMED.sub('(?:', one) for one in patterns))})$")


def _declared(path: str, endpoint: Callable[..., Any]) -> Policy:
    policy = policy_of(endpoint)
    if policy.public == bool(policy.roles):
        raise TypeError(f"{endpoint.__qualname__} at {path} must say either @allow(...) or @public")
    return policy


def _query_fields(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for inner in dependant.dependencies:
        yield from _query_fields(inner)


def _is_list(annotation: Any) -> bool:
    return get_origin(annotation) in (list, set, tuple) or any(_is_list(option) for option in get_args(annotation))


@dataclass(frozen=True, slots=True)
class Gate:
    """The checks of one endpoint in their order. `query` are the names it takes, `lists` those it takes repeatedly."""

    policy: Policy
    query: frozenset[str]
    lists: frozenset[str]
    reads_json: bool

    async def let_through(self, request: Request, answer: Answer) -> Response:
        context: Context = request.app.state.context
        if self.reads_json:
            refuse_long(request, context.settings.body_max_bytes)
        if not self.policy.public:
            await self._admit(request, context)
        body = await read_body(request, context.settings.body_max_bytes) if self.reads_json else b""
        try:
            return await answer(self._read(request, context, body))
        except (RequestValidationError, Unstorable) as wrong:
            raise await self._refusal(request, wrong) from None

    async def _admit(self, request: Request, context: Context) -> None:
        sent = request.headers.getlist("authorization")  # two are as good as none: readers would disagree on them
        scheme, _, token = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("A valid access token is needed.")
        principal = await context.verifier.verify(token.strip())
        request.state.principal = principal
        roles = self.policy.roles_for(request)
        if not principal.has(*roles):
            needed = sorted(roles)
            raise Forbidden(f"This needs the role {' or '.join(needed)}.", roles=needed)

    def _read(self, request: Request, context: Context, body: bytes) -> Request:
        refuse_unreadable(request)
        if not self.policy.forwarded:
            refuse_query(request, self.query, self.lists)
            _check_consistency(request, context)
        if request.method in WRITES:
            request.state.if_match = IfMatch.parse(request.headers.get("if-match"))
        key = idempotency.key_of(request.headers.get(idempotency.HEADER), required=self.policy.keyed)
        value = parse(body) if body else None
        if key is not None and request.method in WRITES and not self.policy.public:
            request.state.keyed = _keyed(request, context, key, value)
        return Read(request, body, value) if self.reads_json else request

    async def _refusal(self, request: Request, wrong: RequestValidationError | Unstorable) -> DomainError:
        """404, 428 and 412 come before a 422, so the guard is asked first."""
        refusal = refusal_of(wrong) if isinstance(wrong, RequestValidationError) else wrong
        if refusal.kind is Kind.INVALID and self.policy.guard is not None:
            version = await self.policy.guard(request)
            if self.policy.matched and version is not None:
                request.state.if_match.check(version)
        return refusal


def _check_consistency(request: Request, context: Context) -> None:
    """What the owner answered is committed, so its own reads need no wait; only a foreign token is refused."""
    token = request.headers.get(consistency.HEADER)
    if token is not None and request.method not in WRITES:
        context.consistency.read(token)


def _keyed(request: Request, context: Context, key: str, value: Any) -> Keyed:
    principal: Principal = request.state.principal
    path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
    told = idempotency.digest(request.method, path, query, value)
    return Keyed(context.commands.caller(principal), key, told)
