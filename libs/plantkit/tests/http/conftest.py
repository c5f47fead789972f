"""A small application behind the real edge: real routes, real tokens, no database that answers."""

import secrets
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar

import asyncpg
import httpx
import pytest
from fastapi import FastAPI, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from plantkit.audit import Refusals
from plantkit.auth.tokens import Verifier
from plantkit.clock import utc_now
from plantkit.context import Context
from plantkit.db.engine import Database
from plantkit.errors import AlreadyExists, DomainError, NotFound, Unavailable
from plantkit.http import openapi, problems
from plantkit.http.consistency import Consistency
from plantkit.http.etag import Match
from plantkit.http.middleware import RequestScope
from plantkit.http.route import Routes, allow, forwarded, guarded, keyed, matched, narrowed, public
from plantkit.messaging.wake import Wake
from plantkit.observability import logs
from plantkit.settings import Mode, ServiceSettings
from plantkit.testing.database import database_url
from plantkit.testing.fixtures import CONSISTENCY_SECRET, CURSOR_SECRET, Signer
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Quantity


class Settings(ServiceSettings):
    service: ClassVar[str] = "records"


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Code
    qty: Quantity
    inner: list[dict[str, str]] = Field(default_factory=list)


NO_DATABASE = "postgresql://nobody:nothing@127.0.0.1:1/none"
router = Routes(tags=["things"])


async def thing_exists(request: Request) -> int:
    if request.path_params["code"] == "MISSING":
        raise NotFound("thing", "MISSING")
    return 7


@router.get("/open")
@public
async def open_to_all() -> dict[str, str]:
    return {"status": "open"}


@router.get("/things/{code}")
@allow(Role.VIEWER)
async def read_thing(code: Annotated[Code, Path()], depth: Annotated[int, Query(ge=1)] = 1) -> dict[str, int]:
    return {"depth": depth}


@router.post("/things", status_code=201)
@allow(Role.PLANNER)
async def create_thing(body: Thing) -> Thing:
    if body.code == "TAKEN":
        raise AlreadyExists("The code TAKEN is taken.")
    return body


@router.patch("/things/{code}")
@allow(Role.PLANNER)
@matched
@guarded(thing_exists)
async def patch_thing(code: Annotated[Code, Path()], body: Thing, match: Match) -> Thing:
    if code == "MISSING":
        raise NotFound("thing", code)
    match.check(7)
    return body


@router.post("/things/{code}/verb")
@allow(Role.OPERATOR)
@keyed
async def act(code: Annotated[Code, Path()], body: Thing, request: Request) -> dict[str, str]:
    return {"key": request.state.keyed.key, "digest": request.state.keyed.request_sha256.hex()}


def role_of_board(request: Request) -> frozenset[Role]:
    return frozenset({Role.QUALITY}) if request.path_params["name"] == "quality" else frozenset()


@router.get("/boards/{name}")
@allow(Role.QUALITY, Role.OPERATOR)
@narrowed(role_of_board)
async def board(name: Annotated[str, Path()]) -> str:
    return name


@router.get("/lists")
@allow(Role.VIEWER)
async def lists(state: Annotated[list[str] | None, Query()] = None) -> list[str]:
    return state or []


@router.get("/away")
@public
async def away() -> None:
    raise Unavailable("The database is away.", retry_after_s=3)


@router.get("/cut-off")
@public
async def cut_off() -> None:
    raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")


@router.get("/too-slow")
@public
async def too_slow() -> None:
    raise asyncpg.QueryCanceledError("canceling statement due to statement timeout")


@router.get("/broken")
@public
async def broken() -> None:
    raise ZeroDivisionError("the password is swordfish")


@router.get("/passed-on/{rest:path}")
@allow(Role.VIEWER)
@forwarded
async def pass_on(request: Request) -> dict[str, str]:
    return dict(request.query_params)


class Unrecorded(Refusals):
    """The edge has no database to record refusals in."""

    async def tell(self, request: Request, error: DomainError) -> None:
        return


def context_for(database_url: str, refusals: type[Refusals] = Unrecorded) -> Context:
    settings = Settings(
        mode=Mode.EMBEDDED,
        plant="test",
        port=0,
        database_url=database_url,
        kafka_bootstrap="127.0.0.1:1",
        jwks_url="http://127.0.0.1:1/jwks.json",
        cursor_secret=CURSOR_SECRET,
        consistency_secret=CONSISTENCY_SECRET,
        body_max_bytes=2048,
    )
    db, wake = Database(settings), Wake()
    return Context(
        settings=settings,
        db=db,
        clock=utc_now,
        verifier=Verifier(settings.jwks_url),
        wake=wake,
        refusals=refusals(db, settings, utc_now, wake),
        consistency=Consistency(CONSISTENCY_SECRET, settings.service),
    )


@pytest.fixture(scope="session")
def edge_app(signer: Signer) -> FastAPI:
    logs.start("INFO")
    return edge_of(context_for(NO_DATABASE), signer)


def edge_of(context: Context, signer: Signer) -> FastAPI:
    app = FastAPI()
    app.state.context = context
    app.state.context.verifier.trust(signer.jwks)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(RequestScope)
    app.include_router(router, prefix="/api/v1")
    return app


@pytest.fixture
async def edge(edge_app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(edge_app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://takt/api/v1") as client:
        yield client


@pytest.fixture(scope="module")
async def empty_database(postgres_server: str) -> AsyncIterator[Context]:
    """A database with nothing in it, and a context that is connected to it."""
    name = f"test_edge_{secrets.token_hex(6)}"
    server = await asyncpg.connect(postgres_server)
    await server.execute(f"CREATE DATABASE {name}")
    context = context_for(database_url(postgres_server, name))
    yield context
    await context.db.dispose()
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()
