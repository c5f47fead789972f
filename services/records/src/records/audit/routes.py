"""The audit trail over HTTP: the entries, the keys, and whether all is as it was signed."""

from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel, Field

from plantkit.context import Context
from plantkit.http.errors import BadCursor
from plantkit.http.filters import parameters
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, queried
from records.audit import queries
from records.audit.errors import TrailClosed
from records.audit.keys import key_set
from records.audit.verifying import Verifier, told
from records.settings import Settings
from takt_contracts.roles import Role

router = Routes(prefix="/audit", tags=["audit"])
_LISTING = queries.LISTING


class AuditVerdict(BaseModel):
    """What was looked at. `findings` holds the first thing wrong with each stream that is not as it was signed."""

    verified: bool
    entries: dict[str, int] = Field(examples=[{"operations": 17}])
    checkpoints: dict[str, int] = Field(examples=[{"operations": 2}])
    findings: list[str] = Field(examples=[["operations, entry 4: subject was changed"]])


class PublicKeySet(BaseModel):
    """The public keys of checkpoints (JWK set, RFC 8037)."""

    keys: list[dict[str, str]] = Field(examples=[[{"kty": "OKP", "crv": "Ed25519", "kid": "9c" * 16, "x": "11qYAYK"}]])


@router.get(
    "",
    response_model=_LISTING.page_model,
    responses=problems(BadCursor, TrailClosed),
    openapi_extra={"parameters": parameters(_LISTING.grammar)},
)
@allow(Role.VIEWER)
@queried(*_LISTING.grammar.names())
async def list_entries(request: Request) -> Response:
    """Entries of all services, and of every version that records keeps, in the order of their events."""
    for_administrators(request)
    query = _LISTING.grammar.read(request.query_params)
    return Response(await _LISTING.page(request.app.state.context, query), media_type="application/json")


@router.get("/verify", response_model=AuditVerdict, responses=problems(TrailClosed))
@allow(Role.VIEWER)
async def verify(request: Request) -> AuditVerdict:
    """Every link of every chain, computed anew. `takt verify` does so too, and asks the log for its checkpoints."""
    for_administrators(request)
    context: Context = request.app.state.context
    async with context.db.connection() as connection:
        published = await told(connection)
        verdict = await Verifier(connection, _settings(request).public_keys, published).verify()
    findings = [str(one) for one in verdict.findings]
    return AuditVerdict(
        verified=not findings, entries=verdict.entries, checkpoints=verdict.checkpoints, findings=findings
    )  # fmt: skip


@router.get("/keys", response_model=PublicKeySet)
@allow(Role.VIEWER)
async def read_keys(request: Request) -> dict[str, Any]:
    """By which checkpoints are checked. An auditor asks for them once, and keeps them apart from what they prove."""
    return key_set(_settings(request).public_keys)


def for_administrators(request: Request) -> None:
    """Raises TrailClosed, which the trail tells of: a role that the route asks for would only be missed in silence."""
    if not request.state.principal.has(Role.ADMIN):
        raise TrailClosed("This needs the role ADMIN.", roles=[Role.ADMIN])


def _settings(request: Request) -> Settings:
    settings = request.app.state.context.settings
    assert isinstance(settings, Settings)
    return settings
