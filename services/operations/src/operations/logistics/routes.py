"""The dispatcher's door: translate, call, translate."""

from typing import Annotated

from fastapi import Path, Response

from operations.logistics import commands
from operations.logistics.errors import (
    DeliveredInFuture,
    DoubleBooked,
    IllegalMove,
    NobodyDrives,
    NoWindow,
    OverCapacity,
)
from operations.logistics.model import TransportOrder as Stored
from plantkit.errors import NotFound, UnknownReference
from plantkit.http.answers import written
from plantkit.http.policy import allow, guarded, keyed
from plantkit.http.problems import problems
from plantkit.http.route import Routes
from plantkit.resources.guards import exists
from plantkit.run import Run
from takt_contracts.operations.logistics import (
    TRANSPORT_ORDER,
    AssignBody,
    CancelTransportBody,
    DeliverBody,
    DispatchBody,
    DispatchResults,
    NoBody,
    TransportOrder,
)
from takt_contracts.roles import Role
from takt_contracts.scalars import Code

router = Routes(tags=["transport-orders"])
_ALL = "/transport-orders"
_AT = f"{_ALL}/{{no}}"
_VERB = problems(NotFound, IllegalMove) | written()
order_exists = exists(TRANSPORT_ORDER, Stored)
NoPath = Annotated[Code, Path()]


@router.post(f"{_ALL}/dispatch", response_model=DispatchResults)
@allow(Role.DISPATCHER)
@keyed
async def dispatch_all(body: DispatchBody, run: Run) -> Response:
    """Send many drivers at once; the answer says of each order what became of it."""
    command = commands.DispatchMany(orders=body.orders)
    return await run.answer(commands.dispatch_many, command, view=DispatchResults)


@router.post(
    f"{_AT}/assign",
    response_model=TransportOrder,
    responses=_VERB | problems(NotFound, IllegalMove, DoubleBooked, UnknownReference, OverCapacity, NoWindow),
)
@allow(Role.DISPATCHER)
@keyed
@guarded(order_exists)
async def assign(no: NoPath, body: AssignBody, run: Run) -> Response:
    """Book driver, truck and trailer for one leg, from its planned departure to its planned arrival."""
    return await run.answer(commands.assign_leg, commands.AssignLeg(no=no, **dict(body)), view=TransportOrder)


@router.post(
    f"{_AT}/dispatch", response_model=TransportOrder, responses=_VERB | problems(NotFound, IllegalMove, NobodyDrives)
)
@allow(Role.DISPATCHER)
@keyed
@guarded(order_exists)
async def dispatch(no: NoPath, body: NoBody, run: Run) -> Response:
    """Send the driver."""
    return await run.answer(commands.dispatch_transport, commands.OnTransport(no=no), view=TransportOrder)


@router.post(f"{_AT}/depart", response_model=TransportOrder, responses=_VERB)
@allow(Role.DISPATCHER)
@keyed
@guarded(order_exists)
async def depart(no: NoPath, body: NoBody, run: Run) -> Response:
    """The load leaves the terminal."""
    return await run.answer(commands.depart_transport, commands.OnTransport(no=no), view=TransportOrder)


@router.post(f"{_AT}/arrive", response_model=TransportOrder, responses=_VERB)
@allow(Role.DISPATCHER)
@keyed
@guarded(order_exists)
async def arrive(no: NoPath, body: NoBody, run: Run) -> Response:
    """The load is where it should go."""
    return await run.answer(commands.arrive_transport, commands.OnTransport(no=no), view=TransportOrder)


@router.post(
    f"{_AT}/deliver",
    response_model=TransportOrder,
    responses=_VERB | problems(NotFound, IllegalMove, DeliveredInFuture),
)
@allow(Role.DISPATCHER)
@keyed
@guarded(order_exists)
async def deliver(no: NoPath, body: DeliverBody, run: Run) -> Response:
    """Hand the load over, with the proof. Driver, truck and trailer are free again."""
    command = commands.DeliverTransport(no=no, **dict(body))
    return await run.answer(commands.deliver_transport, command, view=TransportOrder)


@router.post(f"{_AT}/cancel", response_model=TransportOrder, responses=_VERB)
@allow(Role.DISPATCHER)
@keyed
@guarded(order_exists)
async def cancel(no: NoPath, body: CancelTransportBody, run: Run) -> Response:
    """Give the transport up, for a reason. Driver, truck and trailer are free again."""
    command = commands.CancelTransport(no=no, reason=body.reason)
    return await run.answer(commands.cancel_transport, command, view=TransportOrder)
