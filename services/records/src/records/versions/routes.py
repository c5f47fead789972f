"""The door to records: create, list, read, revise, delete."""

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from plantkit.context import Context
from plantkit.errors import NotFound
from plantkit.http.answers import read, written
from plantkit.http.errors import BadCursor, BadQueryValue
from plantkit.http.etag import Match, etag, unchanged
from plantkit.http.filters import parameters
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, guarded, keyed, matched, queried
from plantkit.ids import new_id
from plantkit.run import Run
from records.versions import commands, queries, reading
from records.versions.errors import ContentRefused, Deleted, NotItsCreator, ReasonMissing
from records.versions.model import present
from records.versions.rules import refuse_strangers
from takt_contracts.records.records import NewRecord, Reason, Record, RecordPatch, Reference, Revision
from takt_contracts.roles import Role

router = Routes(prefix="/records", tags=["records"])
_JSON = "application/json"
_REFERENCE: TypeAdapter[str] = TypeAdapter(Reference)
_ABOUT = {
    "name": "about",
    "in": "query",
    "required": False,
    "schema": _REFERENCE.json_schema(),
    "description": "Only records about this, such as orders/WO-1001.",
}
_EDIT = problems(NotFound, Deleted, NotItsCreator, ReasonMissing)


async def version(request: Request) -> int:
    """Guard of edits: what is hidden, deleted, not theirs or stale is told before a body that is wrong."""
    context, principal = request.app.state.context, request.state.principal
    found = present(await queries.record(context, request.path_params["record_id"], principal))
    refuse_strangers(principal, found.created_by)
    return found.version


@router.get(
    "",
    response_model=queries.LISTING.page_model,
    responses=problems(BadCursor),
    openapi_extra={"parameters": [*parameters(queries.LISTING.grammar), _ABOUT]},
)
@allow(Role.VIEWER)
@queried(*queries.LISTING.grammar.names(), "about")
async def list_records(request: Request, run: Run) -> Response:
    """Those that the caller may read, without their content; deleted ones are left out."""
    context: Context = request.app.state.context
    query = queries.LISTING.grammar.read(request.query_params)
    about = _about(request.query_params.get("about"))
    rows, info = await queries.page(context, query, request.state.principal, about)
    await reading.before_many(run, rows)
    return Response(queries.LISTING.rendered(query, rows, info), media_type=_JSON)


@router.post(
    "",
    status_code=201,
    response_model=Record,
    responses=problems(NotFound, ContentRefused) | written(201),
)
@allow(Role.VIEWER)
@keyed
async def create(body: NewRecord, run: Run) -> Response:
    """Version 1. Who may create records of a type is said by the type."""
    order = commands.CreateRecord(
        id=new_id(), record_type=body.record_type, about=body.about, content=body.content, reason=body.reason
    )
    location = f"/api/v1/records/{order.id}"
    return await run.answer(commands.create_record, order, view=Record, status=201, location=location)


@router.get(
    "/{record_id}",
    response_model=Record,
    responses=problems(NotFound, Deleted) | read() | {304: {"description": "If-None-Match names the present version."}},
)
@allow(Role.VIEWER)
async def read_one(request: Request, record_id: str, run: Run) -> Response:
    """The newest version. Reading one of class health is audited."""
    context: Context = request.app.state.context
    found = present(await queries.record(context, record_id, request.state.principal))
    await reading.before_one(run, found, found.version)
    headers = {"etag": etag(found.version)}
    if unchanged(request.headers.get("if-none-match"), found.version):
        return Response(status_code=304, headers=headers)
    body = Record.model_validate(found, from_attributes=True).model_dump_json()
    return Response(body, headers=headers, media_type=_JSON)


@router.put(
    "/{record_id}", response_model=Record, responses=_EDIT | problems(ContentRefused, ReasonMissing) | written()
)
@allow(Role.VIEWER)
@matched
@guarded(version)
async def replace(record_id: str, body: Revision, match: Match, run: Run) -> Response:
    """The next version, by the creator or an administrator. The same again is no version."""
    order = commands.ReviseRecord(
        id=queries.id_of(record_id), match=match, about=body.about, content=body.content, reason=body.reason,
        is_patch=False,
    )  # fmt: skip
    return await run.answer(commands.revise_record, order, view=Record)


@router.patch(
    "/{record_id}", response_model=Record, responses=_EDIT | problems(ContentRefused, ReasonMissing) | written()
)
@allow(Role.VIEWER)
@matched
@guarded(version)
async def change(record_id: str, body: RecordPatch, match: Match, run: Run) -> Response:
    """The next version, as a merge patch of the present one."""
    order = commands.ReviseRecord(
        id=queries.id_of(record_id), match=match, about=body.about, content=body.content, reason=body.reason,
        is_patch=True,
    )  # fmt: skip
    return await run.answer(commands.revise_record, order, view=Record)


@router.delete("/{record_id}", status_code=204, response_model=None, responses=_EDIT | written(204))
@allow(Role.VIEWER)
@matched
async def delete(record_id: str, match: Match, run: Run, reason: Annotated[Reason | None, Query()] = None) -> Response:
    """A version too: from now on 410, but the history stays readable."""
    order = commands.OnRecord(id=queries.id_of(record_id), match=match, reason=reason)
    return await run.answer(commands.delete_record, order, view=None, status=204)


def _about(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return _REFERENCE.validate_python(given)
    except ValidationError:
        raise BadQueryValue("about is the plural and the key of a thing, such as orders/WO-1001.") from None
