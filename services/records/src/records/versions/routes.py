"""The door to records: create, list, read, revise, delete."""

from enum import StrEnum
from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from plantkit.context import Context
from plantkit.errors import KeyImmutable, NotFound, Stale
from plantkit.http.answers import read, written
from plantkit.http.errors import BadCursor, BadQueryValue
from plantkit.http.etag import Match, etag, unchanged
from plantkit.http.filters import parameters
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, guarded, keyed, matched, queried
from plantkit.run import Run, Runner
from records.versions import commands, duplicates, orders, overtaken, queries, reading, searching
from records.versions.as_of import record_as_of
from records.versions.errors import (
    AsOfOutside,
    ContentRefused,
    Deleted,
    IllegalTransition,
    KeyTaken,
    MergeConflict,
    NotItsCreator,
    ReasonMissing,
    Retained,
)
from records.versions.model import RecordRow, present
from records.versions.rules import refuse_strangers
from takt_contracts.records.records import (
    PATH,
    NewRecord,
    Reason,
    Record,
    RecordAsOf,
    RecordPatch,
    Reference,
    Revision,
)
from takt_contracts.roles import Role
from takt_contracts.scalars import UtcDatetime

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
_CONTENT = problems(ContentRefused, ReasonMissing, KeyImmutable, IllegalTransition, MergeConflict)


class OnDuplicate(StrEnum):
    """What becomes of a creation whose business key is taken."""

    REFUSE = "refuse"
    RETURN = "return"


class OnStale(StrEnum):
    """What becomes of an edit of a version that is not the newest."""

    REFUSE = "refuse"
    MERGE = "merge"


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
@queried(*queries.LISTING.grammar.names(), "about", searching.PREFIX)
async def list_records(request: Request, run: Run) -> Response:
    """Those that the caller may read, without their content; deleted ones are left out.

    With `record_type`, also by what its type calls searchable: `content.result=fail`.
    """
    context: Context = request.app.state.context
    query = queries.LISTING.grammar.read(request.query_params)
    about = _about(request.query_params.get("about"))
    searched = await searching.asked(context, query, request.query_params)
    rows, info = await queries.page(context, query, request.state.principal, about, searched)
    await reading.before_many(run, [row.id for row in rows])
    return Response(queries.LISTING.rendered(query, rows, info), media_type=_JSON)


@router.post(
    "",
    status_code=201,
    response_model=Record,
    responses=problems(NotFound, ContentRefused, IllegalTransition, KeyTaken)
    | written(201)
    | {200: {"model": Record, "description": "With `on_duplicate=return`: the record that has this business key."}},
)
@allow(Role.VIEWER)
@keyed
async def create(body: NewRecord, run: Run, on_duplicate: OnDuplicate = OnDuplicate.REFUSE) -> Response:
    """Version 1. Who may create records of a type is said by the type, and which fields are its business key."""
    order = orders.creation(body)
    location = f"{PATH}/{order.id}"
    try:
        return await run.answer(commands.create_record, order, view=Record, status=201, location=location)
    except KeyTaken:
        holder = await duplicates.holder(run, order)
        if on_duplicate is OnDuplicate.REFUSE:
            raise duplicates.named(holder) from None
        return await _shown(run, holder)


@router.get(
    "/{record_id}",
    response_model=Record | RecordAsOf,
    responses=problems(NotFound, Deleted, AsOfOutside)
    | read()
    | {304: {"description": "If-None-Match names the present version."}},
)
@allow(Role.VIEWER)
async def read_one(
    request: Request, record_id: str, run: Run, as_of: Annotated[UtcDatetime | None, Query()] = None
) -> Response:
    """The newest version, or that of a moment. Reading one of class health is audited."""
    context: Context = request.app.state.context
    found = await queries.record(context, record_id, request.state.principal)
    if as_of is not None:
        then = await record_as_of(run, found, as_of)
        return Response(then.model_dump_json(), headers={"etag": etag(then.version)}, media_type=_JSON)
    present(found)
    await reading.before_one(run, found, found.version)
    headers = {"etag": etag(found.version)}
    if unchanged(request.headers.get("if-none-match"), found.version):
        return Response(status_code=304, headers=headers)
    body = Record.model_validate(found, from_attributes=True).model_dump_json()
    return Response(body, headers=headers, media_type=_JSON)


@router.put("/{record_id}", response_model=Record, responses=_EDIT | _CONTENT | written())
@allow(Role.VIEWER)
@matched
@guarded(version)
async def replace(
    record_id: str, body: Revision, match: Match, run: Run, on_stale: OnStale = OnStale.REFUSE
) -> Response:
    """The next version, by the creator or an administrator. The same again is no version."""
    merges = on_stale is OnStale.MERGE
    return await _revised(run, orders.replacement(queries.id_of(record_id), match, body, merges=merges))


@router.patch("/{record_id}", response_model=Record, responses=_EDIT | _CONTENT | written())
@allow(Role.VIEWER)
@matched
@guarded(version)
async def change(
    record_id: str, body: RecordPatch, match: Match, run: Run, on_stale: OnStale = OnStale.REFUSE
) -> Response:
    """The next version, as a merge patch of the present one.

    `on_stale=merge`: an edit of an older version joins what was written since, unless both changed the same place.
    A refusal of a stale edit carries `base` (the version it names), `theirs` (the newest) and `yours`.
    """
    merges = on_stale is OnStale.MERGE
    return await _revised(run, orders.patch(queries.id_of(record_id), match, body, merges=merges))


@router.delete(
    "/{record_id}", status_code=204, response_model=None, responses=_EDIT | problems(Retained) | written(204)
)
@allow(Role.VIEWER)
@matched
async def delete(record_id: str, match: Match, run: Run, reason: Annotated[Reason | None, Query()] = None) -> Response:
    """A version too: from now on 410, but the history stays readable."""
    order = commands.OnRecord(id=queries.id_of(record_id), match=match, reason=reason)
    try:
        return await run.answer(commands.delete_record, order, view=None, status=204)
    except Stale:
        raise await overtaken.explained(run, order) from None


async def _revised(run: Runner, order: commands.ReviseRecord) -> Response:
    try:
        return await run.answer(commands.revise_record, order, view=Record)
    except Stale:
        raise await overtaken.explained(run, order) from None


async def _shown(run: Runner, found: RecordRow) -> Response:
    """The record that a creation would have made a second time."""
    await reading.before_one(run, found, found.version)
    body = Record.model_validate(found, from_attributes=True).model_dump_json()
    return Response(body, headers={"etag": etag(found.version)}, media_type=_JSON)


def _about(given: str | None) -> str | None:
    if given is None:
        return None
    try:
        return _REFERENCE.validate_python(given)
    except ValidationError:
        raise BadQueryValue("about is the plural and the key of a thing, such as orders/WO-1001.") from None
