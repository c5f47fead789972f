"""The shop floor's door: translate, call, translate."""

from fastapi import Response

from operations.production import commands
from operations.production.errors import (
    AlreadyCorrected,
    ConsumedDownstream,
    CorrectionOfCorrection,
    CounterDoesNotContinue,
    ElsewhereAlready,
    IllegalTransition,
    NothingHandedOver,
    NothingToCorrect,
    NotOnHold,
    OnHold,
    OverDesired,
    OverHandedOver,
    QualificationExpired,
    QualificationMissing,
    QualificationNotYetValid,
    UnknownEntry,
)
from operations.production.paths import OperationPath, OrderPath, operation_exists
from plantkit.errors import NotFound, UnknownReference
from plantkit.http.answers import written
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.run import Run
from takt_contracts.operations.production import (
    CancelBody,
    CorrectBody,
    EmptyBody,
    Hold,
    HoldBody,
    Operation,
    ReportBody,
)
from takt_contracts.operations.timers import AtWork
from takt_contracts.roles import Role

router = Routes(tags=["operations"])
_AT = "/operations/{order_no}/{operation_no}"
_SHOP_FLOOR = (Role.OPERATOR, Role.PLANNER)
_VERB = problems(NotFound, IllegalTransition, OnHold) | written()
_PLACED = (ElsewhereAlready, UnknownReference, QualificationMissing, QualificationExpired, QualificationNotYetValid)
_START = problems(NotFound, IllegalTransition, OnHold, NothingHandedOver, *_PLACED) | written()
_REPORT = problems(NotFound, IllegalTransition, OnHold, OverDesired, OverHandedOver, CounterDoesNotContinue) | written()
_CORRECT = (
    problems(
        NotFound,
        IllegalTransition,
        OverDesired,
        OverHandedOver,
        ConsumedDownstream,
        UnknownEntry,
        CorrectionOfCorrection,
        AlreadyCorrected,
        NothingToCorrect,
    )
    | written()
)


@router.post(f"{_AT}/start", response_model=Operation, responses=_START)
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def start(order_no: OrderPath, operation_no: OperationPath, body: AtWork, run: Run) -> Response:
    """Begin work, once the operation before has handed something over.

    A machine and a person that are named are here from now on: their timers run.
    """
    command = commands.StartOperation(order_no=order_no, operation_no=operation_no, **dict(body))
    return await run.answer(commands.start_operation, command, view=Operation)


@router.post(f"{_AT}/report", response_model=Operation, responses=_REPORT)
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def report(order_no: OrderPath, operation_no: OperationPath, body: ReportBody, run: Run) -> Response:
    """Book good, scrap and rework in one action. The good is handed over to the next operation."""
    said = {**dict(body), "good": body.came_out_good}
    command = commands.ReportQuantity(order_no=order_no, operation_no=operation_no, **said)
    return await run.answer(commands.report_quantity, command, view=Operation)


@router.post(f"{_AT}/correct", response_model=Operation, responses=_CORRECT)
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def correct(order_no: OrderPath, operation_no: OperationPath, body: CorrectBody, run: Run) -> Response:
    """Declare an entry wrong and say what it should have said. It stays; a correction books the differences."""
    command = commands.CorrectEntry(order_no=order_no, operation_no=operation_no, **dict(body))
    return await run.answer(commands.correct_entry, command, view=Operation)


@router.post(f"{_AT}/hold", response_model=Operation, responses=_VERB)
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def hold(order_no: OrderPath, operation_no: OperationPath, body: HoldBody, run: Run) -> Response:
    """Stop for a reason that is somebody else's (external) or one's own."""
    reason = Hold(kind=body.kind, reason=body.reason)
    command = commands.HoldOperation(order_no=order_no, operation_no=operation_no, hold=reason)
    return await run.answer(commands.hold_operation, command, view=Operation)


@router.post(
    f"{_AT}/resume", response_model=Operation, responses=problems(NotFound, IllegalTransition, NotOnHold) | written()
)
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def resume(order_no: OrderPath, operation_no: OperationPath, body: EmptyBody, run: Run) -> Response:
    """End the hold."""
    command = commands.OnOperation(order_no=order_no, operation_no=operation_no)
    return await run.answer(commands.resume_operation, command, view=Operation)


@router.post(f"{_AT}/finish", response_model=Operation, responses=_VERB)
@allow(*_SHOP_FLOOR)
@keyed
@guarded(operation_exists)
async def finish(order_no: OrderPath, operation_no: OperationPath, body: EmptyBody, run: Run) -> Response:
    """Declare the work done, with what is booked."""
    command = commands.OnOperation(order_no=order_no, operation_no=operation_no)
    return await run.answer(commands.finish_operation, command, view=Operation)


@router.post(f"{_AT}/cancel", response_model=Operation, responses=problems(NotFound, IllegalTransition) | written())
@allow(Role.PLANNER)
@keyed
@guarded(operation_exists)
async def cancel(order_no: OrderPath, operation_no: OperationPath, body: CancelBody, run: Run) -> Response:
    """Give the work up, for a reason. What is booked stays booked."""
    command = commands.CancelOperation(order_no=order_no, operation_no=operation_no, reason=body.reason)
    return await run.answer(commands.cancel_operation, command, view=Operation)
