"""The door to record types. Everyone reads them, administrators register them."""

from typing import Annotated

from fastapi import Path, Request, Response
from pydantic import BaseModel

from plantkit.errors import AlreadyExists, KeyImmutable, NotFound
from plantkit.http.answers import read, written
from plantkit.http.errors import BadCursor
from plantkit.http.etag import Match, etag, unchanged
from plantkit.http.filters import parameters
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, guarded, matched, queried
from plantkit.run import Run
from records.record_types import commands, queries
from records.record_types.errors import (
    AccessClassFixed,
    CreatorsCannotRead,
    FieldFixed,
    FieldUndeclared,
    SchemaIncompatible,
    SchemaRefused,
)
from takt_contracts.records.record_types import RecordSchema, RecordType, RecordTypeFields, RecordTypePatch
from takt_contracts.roles import Role
from takt_contracts.scalars import Code

router = Routes(prefix="/record-types", tags=["record-types"])
_JSON = "application/json"
_NAME = Annotated[Code, Path()]
_NUMBER = Annotated[int, Path(ge=1)]


async def version(request: Request) -> int:
    """Guard of changes: a type that is not there, or has changed, is told before a body that is wrong."""
    return (await queries.record_type(request.app.state.context, request.path_params["name"])).version


@router.get(
    "",
    response_model=queries.LISTING.page_model,
    responses=problems(BadCursor),
    openapi_extra={"parameters": parameters(queries.LISTING.grammar)},
)
@allow(Role.VIEWER)
@queried(*queries.LISTING.grammar.names())
async def list_types(request: Request) -> Response:
    """Filtered, sorted, page by page."""
    query = queries.LISTING.grammar.read(request.query_params)
    return Response(await queries.LISTING.page(request.app.state.context, query), media_type=_JSON)


@router.post(
    "",
    status_code=201,
    response_model=RecordType,
    responses=problems(AlreadyExists, SchemaRefused, CreatorsCannotRead, FieldUndeclared) | written(201),
)
@allow(Role.ADMIN)
async def register(body: RecordTypeFields, run: Run) -> Response:
    """From now on records of this type can be created."""
    order = commands.RegisterType(fields=body)
    location = f"/api/v1/record-types/{body.name}"
    return await run.answer(commands.register_type, order, view=RecordType, status=201, location=location)


@router.get(
    "/{name}",
    response_model=RecordType,
    responses=problems(NotFound) | read() | {304: {"description": "If-None-Match names the present version."}},
)
@allow(Role.VIEWER)
async def read_type(request: Request, name: _NAME) -> Response:
    """The type with its newest schema."""
    row = await queries.record_type(request.app.state.context, name)
    headers = {"etag": etag(row.version)}
    if unchanged(request.headers.get("if-none-match"), row.version):
        return Response(status_code=304, headers=headers)
    return Response(_json(RecordType, row), headers=headers, media_type=_JSON)


@router.get("/{name}/schemas/{schema_version}", response_model=RecordSchema, responses=problems(NotFound))
@allow(Role.VIEWER)
async def read_schema(request: Request, name: _NAME, schema_version: _NUMBER) -> Response:
    """The schema that versions of records with this `schema_version` obey."""
    row = await queries.schema(request.app.state.context, name, schema_version)
    return Response(_json(RecordSchema, row), media_type=_JSON)


@router.patch(
    "/{name}",
    response_model=RecordType,
    responses=problems(
        NotFound,
        KeyImmutable,
        AccessClassFixed,
        CreatorsCannotRead,
        FieldFixed,
        FieldUndeclared,
        SchemaRefused,
        SchemaIncompatible,
    )
    | written(),
)
@allow(Role.ADMIN)
@matched
@guarded(version)
async def change(name: _NAME, body: RecordTypePatch, match: Match, run: Run) -> Response:
    """A new schema may only widen the present one: what was valid stays valid, which has to be provable."""
    changes = {field: getattr(body, field) for field in body.model_fields_set}
    order = commands.ChangeType(name=name, match=match, changes=changes)
    return await run.answer(commands.change_type, order, view=RecordType)


def _json(view: type[BaseModel], row: object) -> str:
    return view.model_validate(row, from_attributes=True).model_dump_json()
