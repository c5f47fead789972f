"""The door to what is recorded of an operation's steps. Which steps it has is part of its plan (`steps`)."""

from fastapi import Request, Response

from operations.production import commands
from operations.production.errors import NotRunning, UnknownStep, ValueUnfit
from operations.production.history import Cursor, Kept, Limit
from operations.production.paths import OperationPath, OrderPath, operation_exists
from operations.production.stepping import PAGE
from plantkit.errors import NotFound
from plantkit.http.answers import written
from plantkit.http.errors import BadCursor
from plantkit.http.listing import Page
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.run import Run
from takt_contracts.operations.production import OperationStepped
from takt_contracts.operations.steps import StepBody, StepRecord
from takt_contracts.roles import Role

router = Routes(tags=["operations"])
_AT = "/operations/{order_no}/{operation_no}/steps"
_RECORDS = Kept("steps", PAGE, StepRecord)


@router.post(
    _AT, response_model=OperationStepped, responses=problems(NotFound, NotRunning, UnknownStep, ValueUnfit) | written()
)
@allow(Role.OPERATOR, Role.PLANNER)
@keyed
@guarded(operation_exists)
async def record_step(order_no: OrderPath, operation_no: OperationPath, body: StepBody, run: Run) -> Response:
    """Record a value of a step. One outside of the limits is kept, and marked; it does not count as recorded."""
    command = commands.RecordStep(order_no=order_no, operation_no=operation_no, **dict(body))
    return await run.answer(commands.note_step, command, view=OperationStepped)


@router.get(_AT, response_model=Page[StepRecord], responses=problems(NotFound, BadCursor))
@allow(Role.VIEWER)
async def read_steps(
    request: Request, order_no: OrderPath, operation_no: OperationPath, limit: Limit = 100, cursor: Cursor = None
) -> Response:
    """Everything recorded of an operation's steps, oldest first. Of one step the last counts."""
    return await _RECORDS.page(request, order_no, operation_no, cursor=cursor, limit=limit)
