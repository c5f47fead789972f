"""Every version of a record, newest first, and any of them by its number."""

from typing import Annotated

from fastapi import Query, Request, Response

from plantkit.context import Context
from plantkit.errors import NotFound
from plantkit.http.errors import BadCursor
from plantkit.http.json import pointer
from plantkit.http.listing import Page, PageInfo
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow
from plantkit.http.signing import seal, unseal
from plantkit.run import Run
from records.versions import queries, reading
from records.versions.merging import NOTHING, Change, Document, changes
from records.versions.model import RecordRow, VersionRow
from records.versions.rules import number_of
from takt_contracts.records.differences import Difference, FieldChange, RecordDiff
from takt_contracts.records.records import RecordVersion
from takt_contracts.roles import Role
from takt_contracts.scalars import MAX_BIGINT

router = Routes(prefix="/records", tags=["records"])
_JSON = "application/json"
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=500)]


@router.get("/{record_id}/history", response_model=Page[RecordVersion], responses=problems(NotFound, BadCursor))
@allow(Role.VIEWER)
async def read_history(
    request: Request, record_id: str, run: Run, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Newest first. A version that comes while somebody pages moves no other across a page's edge."""
    context: Context = request.app.state.context
    secret, purpose = context.settings.cursor_secret.get_secret_value(), f"history:{queries.id_of(record_id)}"
    before = _place(secret, purpose, cursor)
    record = await queries.record(context, record_id, request.state.principal)
    found = await queries.versions(context.db, record, before=before, limit=limit + 1)
    await reading.before_one(run, record, None)
    last = found[limit - 1].version if len(found) > limit else None
    info = PageInfo(next=None if last is None else seal(secret, purpose, [last]), limit=limit)
    page = Page[RecordVersion].model_validate({"data": found[:limit], "page": info}, from_attributes=True)
    return Response(page.model_dump_json(), media_type=_JSON)


@router.get("/{record_id}/history/{version}", response_model=RecordVersion, responses=problems(NotFound))
@allow(Role.VIEWER)
async def read_version(request: Request, record_id: str, version: str, run: Run) -> Response:
    """One version, as it was written; byte for byte the same for ever."""
    context: Context = request.app.state.context
    record = await queries.record(context, record_id, request.state.principal)
    found = await _version(context, record, version)
    await reading.before_one(run, record, found.version)
    body = RecordVersion.model_validate(found, from_attributes=True).model_dump_json()
    return Response(body, media_type=_JSON)


@router.get("/{record_id}/diff", response_model=RecordDiff, responses=problems(NotFound))
@allow(Role.VIEWER)
async def read_difference(
    request: Request,
    record_id: str,
    run: Run,
    older: Annotated[str, Query(alias="from", max_length=40)],
    newer: Annotated[str, Query(alias="to", max_length=40)],
) -> Response:
    """What `to` says otherwise than `from`, place by place: any two versions, in any order. A list is one value."""
    context: Context = request.app.state.context
    record = await queries.record(context, record_id, request.state.principal)
    first, second = await _version(context, record, older), await _version(context, record, newer)
    await reading.before_one(run, record, None)
    found = [_told(change) for change in changes(_visible(first), _visible(second))]
    body = RecordDiff(older=first.version, newer=second.version, changes=found)
    return Response(body.model_dump_json(by_alias=True), media_type=_JSON)


async def _version(context: Context, record: RecordRow, number: str) -> VersionRow:
    found = await queries.version(context.db, record, number_of(number))
    if found is None:
        raise NotFound("version", f"{record.id}/{number[:40]}")
    return found


def _visible(version: VersionRow) -> Document:
    shown = RecordVersion.model_validate(version, from_attributes=True)
    return {**version.document, "content": shown.content}


def _told(change: Change) -> FieldChange:
    before, after = (None if value is NOTHING else value for value in (change.before, change.after))
    how = Difference.CHANGED
    if change.before is NOTHING:
        how = Difference.ADDED
    elif change.after is NOTHING:
        how = Difference.REMOVED
    return FieldChange(pointer=pointer(*change.at), change=how, before=before, after=after)


def _place(secret: str, purpose: str, cursor: str | None) -> int:
    """The version that the page starts below. Raises BadCursor for one of another list."""
    if cursor is None:
        return MAX_BIGINT
    try:
        [before] = unseal(secret, purpose, cursor)
    except ValueError:
        raise BadCursor("The cursor was not made by this list.") from None
    return int(before)
