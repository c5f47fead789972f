"""The verbs of a work order: translate, call, translate."""

from typing import Annotated

from fastapi import Path, Response

from operations.work_orders import commands
from operations.work_orders.errors import OrderIsClosed, OrderIsOpen, OrderIsUnfinished
from operations.work_orders.model import WorkOrder as Stored
from plantkit.errors import NotFound
from plantkit.http.answers import written
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.resources.guards import exists
from plantkit.run import Run
from takt_contracts.operations.work_orders import WORK_ORDER, OrderReason, WorkOrder
from takt_contracts.roles import Role
from takt_contracts.scalars import OrderNo

router = Routes(tags=["work-orders"])
OrderPath = Annotated[OrderNo, Path()]
order_exists = exists(WORK_ORDER, Stored)


@router.post(
    "/work-orders/{order_no}/close",
    response_model=WorkOrder,
    responses=problems(NotFound, OrderIsClosed, OrderIsUnfinished) | written(),
)
@allow(Role.PLANNER)
@keyed
@guarded(order_exists)
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
@guarded(order_exists)
async def reopen(order_no: OrderPath, body: OrderReason, run: Run) -> Response:
    """Take work again, for a reason."""
    command = commands.OnOrder(order_no=order_no, reason=body.reason)
    return await run.answer(commands.reopen_order, command, view=WorkOrder)
