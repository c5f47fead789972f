"""The door to imports: what became of files, and the three orders that people give."""

from collections.abc import Sequence
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from imports.jobs import commands, queries, stream
from imports.jobs.bodies import CommitBody, MappingBody, NoBody, PlanPage, Progress, RowPage, RowView
from imports.jobs.confidential import before_rows
from imports.jobs.errors import (
    BadMapping,
    IllegalTransition,
    PlanChanged,
    RowsNotShown,
    RowsPurged,
    TooManyStreams,
    UnknownTarget,
)
from imports.jobs.queries import LISTING, Asked
from plantkit.context import Context
from plantkit.errors import Forbidden, NotFound, Stale
from plantkit.http.answers import read, written
from plantkit.http.errors import BadCursor, BadIfMatch
from plantkit.http.etag import Match, etag, unchanged
from plantkit.http.filters import parameters
from plantkit.http.listing import PageInfo
from plantkit.http.openapi import MATCH_HEADER
from plantkit.http.policy import allow, guarded, keyed, matched, queried
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.http.signing import seal, unseal
from plantkit.run import Run
from takt_contracts import catalog
from takt_contracts.imports.jobs import Import, RowState
from takt_contracts.roles import Role

router = Routes(prefix="/imports", tags=["imports"])
_JSON: Final = "application/json"
_WRITERS: Final = tuple(sorted({role for template in catalog.templates().values() for role in template.writers}))
_MATCHED: Final[dict[str, Any]] = {"parameters": [{**MATCH_HEADER, "required": False}]}
_ORDER: Final = problems(NotFound, IllegalTransition, Forbidden, BadIfMatch, Stale) | written()
_SHOWN: Final = problems(NotFound, RowsNotShown, RowsPurged)

Id = Annotated[UUID, Path(description="Id of the import, which is that of the upload.")]
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=500)]
State = Annotated[RowState | None, Query(description="Only rows in this state.")]


async def exists(request: Request) -> int:
    """Guard of the orders: an import that is not there is told before a body that is wrong."""
    return (await queries.one(request.app.state.context.db, request.path_params["import_id"])).version


@router.get(
    "",
    response_model=LISTING.page_model,
    responses=problems(BadCursor),
    openapi_extra={"parameters": parameters(LISTING.grammar)},
)
@allow(Role.VIEWER)
@queried(*LISTING.grammar.names())
async def list_imports(request: Request) -> Response:
    """Filtered, sorted, page by page; oldest first unless asked otherwise."""
    query = LISTING.grammar.read(request.query_params)
    return Response(await LISTING.page(request.app.state.context, query), media_type=_JSON)


@router.get(
    "/{import_id}",
    response_model=Import,
    responses=problems(NotFound) | read() | {304: {"description": "If-None-Match names the present version."}},
)
@allow(Role.VIEWER)
async def read_import(request: Request, import_id: Id) -> Response:
    """Its state, its totals, how its columns were understood, and why it failed if it did."""
    job = await queries.one(request.app.state.context.db, import_id)
    headers = {"etag": etag(job.version)}
    if unchanged(request.headers.get("if-none-match"), job.version):
        return Response(status_code=304, headers=headers)
    body = Import.model_validate(job, from_attributes=True).model_dump_json()
    return Response(body, headers=headers, media_type=_JSON)


@router.get("/{import_id}/rows", response_model=RowPage, responses=_SHOWN | problems(NotFound, BadCursor))
@allow(Role.VIEWER)
async def read_rows(
    import_id: Id, run: Run, state: State = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Rows in the order of the sheet with what became of them, and cell by cell why they were refused."""
    context = run.context
    purpose = f"rows:{import_id}:{state}"
    job = await queries.one(context.db, import_id)
    await before_rows(run, job)
    asked = Asked(after=_place(context, purpose, cursor), limit=limit, state=state)
    found = await queries.rows_of(context.db, job, asked)
    page = _info(context, purpose, found, limit)
    return _json(RowPage(data=[row.shown() for row in found[:limit]], page=page))


@router.get("/{import_id}/rows/{row}", response_model=RowView, responses=_SHOWN)
@allow(Role.VIEWER)
async def read_row(import_id: Id, run: Run, row: Annotated[int, Path(ge=1, le=10**9)]) -> Response:
    """One row, by its number in the sheet."""
    context = run.context
    job = await queries.one(context.db, import_id)
    await before_rows(run, job)
    found = await queries.rows_of(context.db, job, Asked(after=row - 1, limit=1))
    if not found or found[0].number != row:
        raise NotFound("row", row)
    return _json(found[0].shown())


@router.get("/{import_id}/plan", response_model=PlanPage, responses=_SHOWN | problems(NotFound, BadCursor))
@allow(Role.VIEWER)
async def read_plan(
    import_id: Id, run: Run, state: State = None, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """What would happen, row by row; of rows that change, the values before and after."""
    context = run.context
    purpose = f"plan:{import_id}:{state}"
    job = await queries.one(context.db, import_id)
    await before_rows(run, job)
    asked = Asked(after=_place(context, purpose, cursor), limit=limit, state=state, planned=True)
    found = await queries.rows_of(context.db, job, asked)
    page = _info(context, purpose, found, limit)
    rows = [row.as_planned() for row in found[:limit]]
    return _json(PlanPage(data=rows, page=page, hash=job.plan_hash, totals=job.totals))


@router.put(
    "/{import_id}/mapping",
    response_model=Import,
    responses=problems(NotFound, IllegalTransition, UnknownTarget, BadMapping) | written(),
)
@allow(*_WRITERS)
@matched
@guarded(exists)
async def map_columns(import_id: Id, body: MappingBody, match: Match, run: Run) -> Response:
    """Say what the file is, where its header does not: the target and, if need be, the field of each column."""
    columns = {one.column: one.field for one in body.columns}
    order = commands.MapColumns(import_id=import_id, match=match, target=body.target, columns=columns)
    return await run.answer(commands.map_columns, order, view=Import)


@router.post(
    "/{import_id}/commit", response_model=Import, responses=_ORDER | problems(PlanChanged), openapi_extra=_MATCHED
)
@allow(*_WRITERS)
@keyed
@guarded(exists)
async def commit(import_id: Id, match: Match, run: Run, body: CommitBody | None = None) -> Response:
    """Do what was planned. A row whose resource changed since is stale and left alone."""
    order = commands.CommitImport(import_id=import_id, match=match, plan=None if body is None else body.plan)
    return await run.answer(commands.commit_import, order, view=Import)


@router.post("/{import_id}/cancel", response_model=Import, responses=_ORDER, openapi_extra=_MATCHED)
@allow(*_WRITERS)
@keyed
@guarded(exists)
async def cancel(import_id: Id, match: Match, run: Run, body: NoBody | None = None) -> Response:
    """Stop at the next batch. What was done stays done; rows that were never sent are rejected."""
    order = commands.OnImport(import_id=import_id, match=match)
    return await run.answer(commands.cancel_import, order, view=Import)


@router.get(
    "/{import_id}/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events `progress`, whose data is " + ", ".join(Progress.model_fields),
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(NotFound, TooManyStreams),
    },
)
@allow(Role.VIEWER)
async def follow(
    request: Request, import_id: Id, last_event_id: Annotated[str | None, Header(max_length=500)] = None
) -> Response:
    """Progress that never goes back; it ends with the state in which the import rests."""
    context: Context = request.app.state.context
    streams = stream.streams_of(request.app)
    if streams.open >= streams.most:
        raise TooManyStreams("This service follows no more imports at the moment.", retry_after_s=2)
    await queries.standing(context.db, import_id)
    told = stream.frames(context.db, import_id, stream.told_before(last_event_id), streams, stream.clock)
    return StreamingResponse(told, media_type="text/event-stream", headers=stream.HEADERS)


def _place(context: Context, purpose: str, cursor: str | None) -> int:
    """The row behind which a page begins. Raises BadCursor for one of another list."""
    if cursor is None:
        return 0
    try:
        return int(unseal(context.settings.cursor_secret.get_secret_value(), purpose, cursor))
    except ValueError:
        raise BadCursor("The cursor was not made by this list.") from None


def _info(context: Context, purpose: str, found: Sequence[queries.Known], limit: int) -> PageInfo:
    secret = context.settings.cursor_secret.get_secret_value()
    last = seal(secret, purpose, found[limit - 1].number) if len(found) > limit else None
    return PageInfo(next=last, limit=limit)


def _json(model: BaseModel) -> Response:
    return Response(model.model_dump_json(), media_type=_JSON)
