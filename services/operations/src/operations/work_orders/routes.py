"""The verbs of a work order: translate, call, translate."""

from typing import Annotated

from fastapi import Path, Request, Response
from sqlalchemy import text

from operations.work_orders import commands
from operations.work_orders.errors import OrderIsClosed, OrderIsOpen, OrderIsUnfinished
from plantkit.db.engine import compile_statement
from plantkit.errors import NotFound
from plantkit.http.answers import written
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.run import Run
from takt_contracts.operations.work_orders import OrderReason, WorkOrder
from takt_contracts.roles import Role
from takt_contracts.scalars import OrderNo

router = Routes(tags=["work-orders"])
OrderPath = Annotated[OrderNo, Path()]
_EXISTS = compile_statement(
    text("SELECT 1 FROM operations.work_orders WHERE order_no = :order_no AND archived_at IS NULL")
)


async def exists(request: Request) -> None:
    """Guard of the verbs: an order that is not there is told before a body that is wrong."""
    order_no = request.path_params["order_no"]
    if not await request.app.state.context.db.fetch(_EXISTS, order_no=order_no):
        raise NotFound("work-order", order_no)


@router.post(
    "/work-orders/{order_no}/close",
    response_model=WorkOrder,
    responses=problems(NotFound, OrderIsClosed, OrderIsUnfinished) | written(),
)
@allow(Role.PLANNER)
@keyed
@guarded(exists)
async def close(order_no: OrderPath, body: OrderReason, run: Run) -> Response:
    """Take no new work. Refused while an operation is neither finished nor cancelled."""
    command = commands.OnOrder(order_no=order_no, reason=body.reason)
    return await run.answer(commands.close_order, command, view=WorkOrder)


@router.post(
    "/work-orders/{order_no}/reopen",
    response_model=WorkOrder,
    responses=problems(NotFound, OrderIsOpen) | written(),
)
@allow(Role.PLANNER)
@keyed
@guarded(exists)
async def reopen(order_no: OrderPath, body: OrderReason, run: Run) -> Response:
    """Take work again, for a reason."""
    command = commands.OnOrder(order_no=order_no, reason=body.reason)
    return await run.answer(commands.reopen_order, command, view=WorkOrder)
