"""What proves a record. Stands above versions and audit, which do not know each other."""

from pathlib import Path
from typing import Annotated, Any

import asyncpg
from fastapi import Query, Request, Response
from pydantic import Field

from plantkit.context import Context
from plantkit.db.row import columns_of
from plantkit.errors import NotFound
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow
from plantkit.run import Run
from records.audit import queries as chains
from records.audit.errors import TrailClosed
from records.audit.keys import key_set
from records.audit.routes import for_administrators
from records.settings import Settings
from records.versions import queries, reading
from records.versions.errors import UnknownVersion
from records.versions.model import RecordRow, VersionRow
from records.versions.rules import number_of
from takt_contracts.records.checkpoints import RecordProof
from takt_contracts.records.records import RecordVersion
from takt_contracts.roles import Role

router = Routes(prefix="/records", tags=["records"])
verifier = Routes(prefix="/audit", tags=["audit"])
_JSON = "application/json"
VersionNo = Annotated[str | None, Query(max_length=40, description="Only this version.", examples=["3"])]
_OFFLINE = Path(__file__).with_name("offline.py")
_VERSIONS = f"SELECT {', '.join(columns_of(VersionRow))} FROM record_versions WHERE record_id = $1 ORDER BY version"  # noqa: S608 -- names of our own columns


class RecordBundle(RecordProof):
    """Everything an auditor needs to judge a record without asking anybody again."""

    format: str = Field("takt.records.bundle.v1", examples=["takt.records.bundle.v1"])
    history: list[RecordVersion]
    keys: list[dict[str, str]] = Field(examples=[[{"kty": "OKP", "crv": "Ed25519", "kid": "9c" * 16, "x": "11qYAYK"}]])


@router.get("/{record_id}/proof", response_model=RecordProof, responses=problems(NotFound))
@allow(Role.VIEWER)
async def read_proof(request: Request, record_id: str, run: Run, version: VersionNo = None) -> Response:
    """The digest of every version, or of one, and who wrote it, as chained and signed: nothing of the content."""
    context: Context = request.app.state.context
    record = await queries.record(context, record_id, request.state.principal)
    number = None if version is None else await _existing(context, record, version)
    await reading.before_one(run, record, number)
    async with context.db.connection() as connection:
        proof = await _proof(connection, str(record.id), number)
    return Response(RecordProof(**proof).model_dump_json(), media_type=_JSON)


@router.get("/{record_id}/bundle", response_model=RecordBundle, responses=problems(NotFound, TrailClosed))
@allow(Role.VIEWER)
async def read_bundle(request: Request, record_id: str, run: Run) -> Response:
    """All versions whole, their proofs and the keys in one file. For administrators, as no field is hidden in it."""
    for_administrators(request)
    context: Context = request.app.state.context
    record = await queries.record(context, record_id, request.state.principal)
    await reading.before_one(run, record, None)
    settings = context.settings
    assert isinstance(settings, Settings)
    async with context.db.connection() as connection:
        history = [VersionRow(**row) for row in await connection.fetch(_VERSIONS, record.id)]
        proof = await _proof(connection, str(record.id))
    shown = [RecordVersion.model_validate(one, from_attributes=True) for one in history]
    body = RecordBundle(**proof, history=shown, **key_set(settings.public_keys)).model_dump_json()
    return Response(body, media_type=_JSON)


@verifier.get("/verifier", response_class=Response, responses={200: {"content": {"text/x-python": {}}}})
@allow(Role.VIEWER)
async def read_verifier() -> Response:
    """The program that judges a bundle: one file that needs Python and nothing else."""
    return Response(_OFFLINE.read_text(), media_type="text/x-python")


async def _existing(context: Context, record: RecordRow, version: str) -> int:
    """Raises NotFound."""
    found = await queries.version(context.db, record, number_of(version))
    if found is None:
        raise UnknownVersion("version", f"{record.id}/{version[:40]}")
    return found.version


async def _proof(connection: asyncpg.Connection, record: str, version: int | None = None) -> dict[str, Any]:
    """In one snapshot, so that everything is proven under the same checkpoints."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        versions, entries = await chains.of_record(connection, record, version)
        found, checkpoints = await chains.proven(connection, [*versions, *entries])
    split = len(versions)
    return {"record": record, "versions": found[:split], "entries": found[split:], "checkpoints": checkpoints}
