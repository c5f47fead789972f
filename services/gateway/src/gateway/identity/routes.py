"""Sign-in, refresh, logout, who am I, users, roles, keys."""

import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Form, Query, Request, Response

from gateway.identity.bodies import (
    LoginBody,
    Me,
    NewUser,
    Page,
    RefreshBody,
    RoleList,
    RoleView,
    Tokens,
    UserList,
    UserPatch,
    UserView,
    judged,
)
from gateway.identity.commands import ChangeUser, CreateUser, EndSignIn, change_user, create_user, end_sign_in
from gateway.identity.door import sign_in_of
from gateway.identity.errors import LastAdministrator, RefreshRefused, SignInRefused, TooManySignIns, WeakPassword
from gateway.identity.parts import Identity, identity_of
from gateway.identity.queries import user, user_by_id, users
from gateway.identity.rules import account_name
from gateway.identity.signing_in import Pair
from gateway.sources import source_of
from plantkit.auth.principal import Principal
from plantkit.context import Context
from plantkit.errors import AlreadyExists, Forbidden, NotFound, Stale, Unauthenticated
from plantkit.http.answers import read, written
from plantkit.http.etag import Match, etag
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, guarded, matched, public
from plantkit.run import Run, Runner
from takt_contracts.roles import Role

LOGGED_OUT = "logged-out"
WHAT_FOR = {
    Role.ADMIN: "Everything, users included.",
    Role.PLANNER: "Orders, operations, workplaces, machines, items; imports.",
    Role.OPERATOR: "Starts, reports, holds and finishes operations.",
    Role.QUALITY: "Inspections, certificates, process profiles.",
    Role.HEALTH: "Occupational health records.",
    Role.DISPATCHER: "Transport orders, terminals, drivers, trucks, trailers.",
    Role.VIEWER: "Reads what is not restricted.",
}

router = Routes(tags=["identity"])


def _identity(request: Request) -> Identity:
    return identity_of(request.app)


def _context(request: Request) -> Context:
    found: Context = request.app.state.context
    return found


Parts = Annotated[Identity, Depends(_identity)]
Kit = Annotated[Context, Depends(_context)]


async def version_of_user(request: Request) -> int:
    """Raises NotFound."""
    username = request.path_params["username"]
    found = await user(_context(request).db, username)
    if found is None:
        raise NotFound("user", username)
    return found.version


@router.post("/auth/login", responses=problems(SignInRefused, TooManySignIns))
@public
async def login(body: LoginBody, request: Request, run: Run, parts: Parts, kit: Kit) -> Tokens:
    """Exchange a user name and password for an access token (15 minutes) and a refresh token."""
    return await _signed_in(request, run, parts, kit, username=body.username, password=body.password.get_secret_value())


@router.post("/auth/token", responses=problems(SignInRefused, RefreshRefused, TooManySignIns))
@public
async def token(
    *,
    request: Request,
    run: Run,
    parts: Parts,
    kit: Kit,
    grant_type: Annotated[str, Form(pattern="^(password|refresh_token)$")],
    username: Annotated[str, Form(max_length=1000)] = "",
    password: Annotated[str, Form(max_length=1000)] = "",
    refresh_token: Annotated[str, Form(max_length=1000)] = "",
) -> Tokens:
    """The same for OAuth 2.0 clients such as the sign-in button of /docs: a form, RFC 6749 sections 4.3 and 6."""
    if grant_type == "password":
        return await _signed_in(request, run, parts, kit, username=username, password=password)
    return _told(await parts.signing_in.refresh(run, refresh_token))


@router.post("/auth/refresh", responses=problems(RefreshRefused))
@public
async def refresh(body: RefreshBody, run: Run, parts: Parts) -> Tokens:
    """Exchange a refresh token, once. Using one twice ends the whole sign-in."""
    return _told(await parts.signing_in.refresh(run, body.refresh_token.get_secret_value()))


@router.post("/auth/logout", status_code=204, responses=problems(Unauthenticated))
@allow(Role.VIEWER)
async def logout(request: Request, run: Run, parts: Parts) -> Response:
    """End this sign-in: its refresh token at once, its access tokens within seconds."""
    sign_in = sign_in_of(_bearer(request))
    await run(end_sign_in, EndSignIn(sign_in_id=sign_in, because=LOGGED_OUT))
    parts.door.forget(sign_in)
    return Response(status_code=204)


@router.get("/me", responses=problems(Unauthenticated))
@allow(Role.VIEWER)
async def me(request: Request, kit: Kit) -> Me:
    """Who this access token speaks for."""
    principal: Principal = request.state.principal
    found = await user_by_id(kit.db, UUID(principal.id))
    if found is None:
        raise NotFound("user", principal.id)
    return Me(id=principal.id, username=found.username, name=found.name, roles=found.roles)


@router.get("/users", responses=problems(Unauthenticated, Forbidden))
@allow(Role.ADMIN)
async def list_users(
    kit: Kit,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str, Query(max_length=100, description="`page.next` of the page before")] = "",
) -> UserList:
    """Everybody who may or might sign in, by user name."""
    found = await users(kit.db, after=cursor, limit=limit + 1)
    data = [UserView.model_validate(line) for line in found[:limit]]
    return UserList(data=data, page=Page(next=data[-1].username if len(found) > limit else None, limit=limit))


@router.post("/users", status_code=201, responses=problems(AlreadyExists, WeakPassword, Forbidden) | written(201))
@allow(Role.ADMIN)
async def add_user(body: NewUser, run: Run, parts: Parts) -> Response:
    """A new user, who can sign in at once."""
    hashed = await parts.passwords.hash(body.judged_password())
    command = CreateUser(username=body.username, name=body.name, password_hash=hashed, roles=tuple(body.roles))
    return await run.answer(create_user, command, view=UserView, status=201, location=f"/api/v1/users/{body.username}")


@router.get("/users/{username}", responses=problems(NotFound, Forbidden) | read(), response_model=UserView)
@allow(Role.ADMIN)
async def one_user(username: str, response: Response, kit: Kit) -> UserView:
    """One user, with the ETag that a change needs."""
    found = await user(kit.db, username)
    if found is None:
        raise NotFound("user", username)
    response.headers["etag"] = etag(found.version)
    return UserView.model_validate(found)


@router.patch(
    "/users/{username}",
    responses=problems(NotFound, Stale, WeakPassword, LastAdministrator) | written(),
    response_model=UserView,
)
@allow(Role.ADMIN)
@matched
@guarded(version_of_user)
async def patch_user(*, username: str, body: UserPatch, match: Match, run: Run, parts: Parts, kit: Kit) -> Response:
    """Change name, roles, password or state. What a user may no longer do ends within seconds."""
    found = await user(kit.db, username)
    if found is None:
        raise NotFound("user", username)
    match.check(found.version)
    hashed = None
    if body.password is not None:
        hashed = await parts.passwords.hash(judged(body.password, found.username, body.name or found.name))
    command = ChangeUser(
        username=account_name(username),
        version=found.version,
        name=body.name,
        roles=None if body.roles is None else tuple(body.roles),
        active=body.active,
        password_hash=hashed,
    )
    answer = await run.answer(change_user, command, view=UserView)
    parts.door.forget()
    return answer


@router.get("/roles", responses=problems(Unauthenticated))
@allow(Role.VIEWER)
async def roles() -> RoleList:
    """The roles there are."""
    return RoleList(data=[RoleView(role=role, description=WHAT_FOR[role]) for role in Role])


keys = Routes(tags=["identity"])


@keys.get("/.well-known/jwks.json")
@public
async def jwks(parts: Parts, response: Response) -> dict[str, Any]:
    """Public keys that verify access tokens (RFC 7517)."""
    response.headers["cache-control"] = "public, max-age=300"
    return parts.signer.public_keys()


async def _signed_in(
    request: Request, run: Runner, parts: Identity, kit: Context, *, username: str, password: str
) -> Tokens:
    source = source_of(request.scope, parts.settings.trusted_hops)
    parts.gate.pass_or_refuse(source, time.monotonic())
    pair = await parts.signing_in.sign_in(run, kit.db, username=username, password=password, source=source)
    return _told(pair)


def _told(pair: Pair) -> Tokens:
    return Tokens(access_token=pair.access_token, refresh_token=pair.refresh_token)


def _bearer(request: Request) -> str:
    return request.headers["authorization"].partition(" ")[2].strip()
