"""The door to an operation's timers: open, stop, list."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Request, Response

from operations.production import commands
from operations.production.errors import (
    ElsewhereAlready,
    NotRunning,
    QualificationExpired,
    QualificationMissing,
    QualificationNotYetValid,
    TimerEnded,
)
from operations.production.history import Cursor, Kept, Limit
from operations.production.paths import OperationPath, OrderPath, operation_exists
from operations.production.timers import PAGE, Wanted
from plantkit.errors import NotFound, UnknownReference
from plantkit.http.answers import written
from plantkit.http.errors import BadCursor
from plantkit.http.listing import Page
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.run import Run
from takt_contracts.operations.production import EmptyBody
from takt_contracts.operations.timers import OperationTimed, Timer, TimerBody
from takt_contracts.roles import Role

router = Routes(tags=["operations"])
_AT = "/operations/{order_no}/{operation_no}/timers"
_TIMERS = Kept("timers", PAGE, Timer)
_SHOP_FLOOR = (Role.OPERATOR, Role.PLANNER)
_OPENING = (NotRunning, ElsewhereAlready, QualificationMissing, QualificationExpired, QualificationNotYetValid)


@router.post(_AT, response_model=OperationTimed, responses=problems(NotFound, UnknownReference, *_OPENING) | written())
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def open_timer(order_no: OrderPath, operation_no: OperationPath, body: TimerBody, run: Run) -> Response:
    """Take time of setting up, of a machine or of a person, who is at this operation until the timer is stopped."""
    command = commands.OpenTimer(order_no=order_no, operation_no=operation_no, wanted=Wanted(**dict(body)))
    return await run.answer(commands.take_time, command, view=OperationTimed)


@router.post(
    f"{_AT}/{{timer_id}}/stop", response_model=OperationTimed, responses=problems(NotFound, TimerEnded) | written()
)
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def stop_timer(
    order_no: OrderPath, operation_no: OperationPath, timer_id: Annotated[UUID, Path()], body: EmptyBody, run: Run
) -> Response:
    """The machine or the person leaves. A hold, a finish and a cancellation stop all timers by themselves."""
    command = commands.StopTimer(order_no=order_no, operation_no=operation_no, timer_id=timer_id)
    return await run.answer(commands.stop_time, command, view=OperationTimed)


@router.get(_AT, response_model=Page[Timer], responses=problems(NotFound, BadCursor))
@allow(Role.VIEWER)
async def read_timers(
    request: Request, order_no: OrderPath, operation_no: OperationPath, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Every timer of an operation, oldest first; one without an end still runs."""
    return await _TIMERS.page(request, order_no, operation_no, cursor=cursor, limit=limit)
