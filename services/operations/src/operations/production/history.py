"""What happened to an operation and at a workplace: ledger and events, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from operations.production import queries
from operations.production.paths import OperationPath, OrderPath
from operations.production.shifts import shift_window
from operations.settings import Settings
from plantkit.context import Context
from plantkit.db.engine import Compiled
from plantkit.errors import NotFound
from plantkit.http.errors import BadCursor, BadQueryValue
from plantkit.http.listing import Page, PageInfo
from plantkit.http.policy import allow
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.http.signing import seal, unseal
from takt_contracts.operations.production import LedgerEntry
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, UtcDatetime

router = Routes(tags=["operations"])
Limit = Annotated[int, Query(ge=1, le=1000)]
Cursor = Annotated[str | None, Query(max_length=500)]
Window = tuple[datetime, datetime]
_ALWAYS = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
NO_ID = UUID(int=0)


def window_of(
    request: Request,
    shift: Annotated[str | None, Query(pattern=r"^\d{4}-\d\d-\d\d/\d$", description="Day/number: 2026-03-02/1")] = None,
    from_: Annotated[UtcDatetime | None, Query(alias="from")] = None,
    to: UtcDatetime | None = None,
) -> Window:
    """The time that is asked for. Raises BadQueryValue for a shift that no day has, or for two ways at once."""
    if shift is None:
        return from_ or _ALWAYS[0], to or _ALWAYS[1]
    if from_ is not None or to is not None:
        raise BadQueryValue("Name a shift, or from and to, not both.")
    settings = request.app.state.context.settings
    assert isinstance(settings, Settings)
    day, _, number = shift.partition("/")
    try:
        return shift_window(date.fromisoformat(day), int(number), settings.shift_starts, settings.time_zone)
    except (ValueError, OverflowError) as wrong:
        raise BadQueryValue(f"{shift} is not a shift: {wrong}") from None


Within = Annotated[Window, Depends(window_of)]


class CloudEvent(BaseModel):
    """An event as it was told: CloudEvents JSON, with extensions."""

    model_config = ConfigDict(extra="allow")

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]


@router.get(
    "/operations/{order_no}/{operation_no}/ledger",
    response_model=Page[LedgerEntry],
    responses=problems(NotFound, BadCursor),
)
@allow(Role.VIEWER)
async def read_ledger(
    request: Request, order_no: OrderPath, operation_no: OperationPath, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Everything booked on an operation, oldest first. The operation's quantities are sums over it."""
    context: Context = request.app.state.context
    purpose = f"ledger:{order_no}/{operation_no}"
    [after] = place(context, purpose, cursor, [0])
    operation_id = await queries.require(context.db, order_no=order_no, operation_no=operation_no)
    found = await queries.ledger(context.db, operation_id, after=after, limit=limit + 1)
    entries = [LedgerEntry.model_validate(dict(record)).model_dump_json() for record in found[:limit]]
    last = [found[limit - 1]["entry_no"]] if len(found) > limit else None
    return page(context, purpose, entries, last, limit)


@router.get(
    "/operations/{order_no}/{operation_no}/events",
    response_model=Page[CloudEvent],
    responses=problems(NotFound, BadCursor),
)
@allow(Role.VIEWER)
async def read_events(
    request: Request, order_no: OrderPath, operation_no: OperationPath, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Everything told about an operation, as CloudEvents, by version."""
    context: Context = request.app.state.context
    subject = f"{order_no}/{operation_no}"
    [after] = place(context, f"events:{subject}", cursor, [0])
    await queries.require(context.db, order_no=order_no, operation_no=operation_no)
    found = await queries.events_of_operation(context.db, subject, after=after, limit=limit + 1)
    last = [found[limit - 1]["version"]] if len(found) > limit else None
    return page(context, f"events:{subject}", _told(found[:limit]), last, limit)


@router.get("/workplaces/{code}/events", response_model=Page[CloudEvent], responses=problems(NotFound, BadCursor))
@allow(Role.VIEWER)
async def read_workplace_events(
    request: Request, code: Annotated[Code, Path()], window: Within, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Everything told about operations at a workplace, by time: in a shift, or within [from, to)."""
    context: Context = request.app.state.context
    purpose = f"workplace:{code}:{window[0].isoformat()}:{window[1].isoformat()}"
    time, id_ = place(context, purpose, cursor, [window[0].isoformat(), str(NO_ID)])
    await queries.require_workplace(context.db, code)
    after = (datetime.fromisoformat(time), UUID(id_))
    found = await queries.events_at_workplace(context.db, code, window, after, limit + 1)
    last = [found[limit - 1]["time"].isoformat(), str(found[limit - 1]["id"])] if len(found) > limit else None
    return page(context, purpose, _told(found[:limit]), last, limit)


@dataclass(frozen=True)
class Kept:
    """Rows that are kept of an operation. `statement` takes operation_id, after (an id) and limit."""

    name: str
    statement: Compiled
    view: type[BaseModel]

    async def page(
        self, request: Request, order_no: str, operation_no: str, *, cursor: str | None, limit: int
    ) -> Response:
        """Oldest first. Raises NotFound, BadCursor."""
        context: Context = request.app.state.context
        purpose = f"{self.name}:{order_no}/{operation_no}"
        [after] = place(context, purpose, cursor, [str(NO_ID)])
        operation_id = await queries.require(context.db, order_no=order_no, operation_no=operation_no)
        found = await context.db.fetch(self.statement, operation_id=operation_id, after=UUID(after), limit=limit + 1)
        data = [self.view.model_validate(dict(record)).model_dump_json() for record in found[:limit]]
        last = [str(found[limit - 1]["id"])] if len(found) > limit else None
        return page(context, purpose, data, last, limit)


def place(context: Context, purpose: str, cursor: str | None, start: list[Any]) -> list[Any]:
    """Where a page begins. Raises BadCursor for one of another list."""
    if cursor is None:
        return start
    try:
        place: list[Any] = unseal(context.settings.cursor_secret.get_secret_value(), purpose, cursor)
    except ValueError:
        raise BadCursor("The cursor was not made by this list.") from None
    return place


def _told(found: Sequence[asyncpg.Record]) -> list[str]:
    return [queries.as_cloud_event(record) for record in found]


def page(context: Context, purpose: str, data: Sequence[str], last: list[Any] | None, limit: int) -> Response:
    secret = context.settings.cursor_secret.get_secret_value()
    info = PageInfo(next=None if last is None else seal(secret, purpose, last), limit=limit)
    body = f'{{"data":[{",".join(data)}],"page":{info.model_dump_json()}}}'
    return Response(body, media_type="application/json")
