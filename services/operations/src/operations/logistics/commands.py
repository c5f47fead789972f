"""The orders a transport order takes: load, ask, return."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from operations.logistics.bookings import locked, require_free, require_room
from operations.logistics.errors import DeliveredInFuture
from operations.logistics.model import TransportOrder
from plantkit.db.tx import Tx
from plantkit.errors import DomainError, NotFound
from takt_contracts.operations.logistics import TRANSPORT_ORDER, DispatchResult, DispatchResults, Leg, ProofOfDelivery
from takt_contracts.problem import FieldError


@dataclass(frozen=True, kw_only=True)
class OnTransport:
    """Which transport order an order is for."""

    no: str


@dataclass(frozen=True, kw_only=True)
class AssignLeg(OnTransport):
    leg: Leg
    driver: str | None
    truck: str | None
    trailer: str | None


@dataclass(frozen=True, kw_only=True)
class DeliverTransport(OnTransport):
    received_by: str
    delivered_at: datetime | None
    note: str | None
    photo: UUID | None


@dataclass(frozen=True, kw_only=True)
class CancelTransport(OnTransport):
    reason: str


@dataclass(frozen=True, kw_only=True)
class DispatchMany:
    """Dispatch each of these for itself."""

    orders: Sequence[str]


async def _claimed(tx: Tx, at: OnTransport) -> TransportOrder:
    return await tx.claim(TransportOrder, no=at.no, archived_at=None)


async def assign_leg(tx: Tx, cmd: AssignLeg) -> TransportOrder:
    """The order is locked before what it wants, and drivers before trucks before trailers: nobody waits in a ring."""
    order = await tx.one(TransportOrder, lock=True, no=cmd.no, archived_at=None)
    wanted = {"driver": cmd.driver, "truck": cmd.truck, "trailer": cmd.trailer}
    assets, window = await locked(tx, wanted), order.window(cmd.leg)
    require_room(order, assets)
    order.assign(cmd.leg, wanted)
    await require_free(tx, order.id, cmd.leg, window, assets)
    return order


async def dispatch_transport(tx: Tx, cmd: OnTransport) -> TransportOrder:
    order = await _claimed(tx, cmd)
    order.dispatch()
    return order


async def depart_transport(tx: Tx, cmd: OnTransport) -> TransportOrder:
    order = await _claimed(tx, cmd)
    order.depart()
    return order


async def arrive_transport(tx: Tx, cmd: OnTransport) -> TransportOrder:
    order = await _claimed(tx, cmd)
    order.arrive()
    return order


async def deliver_transport(tx: Tx, cmd: DeliverTransport) -> TransportOrder:
    order = await _claimed(tx, cmd)
    delivered_at = cmd.delivered_at or tx.now
    if delivered_at > tx.now:
        detail = "The time of the delivery has not come yet."
        raise DeliveredInFuture(detail, errors=[FieldError(pointer="/delivered_at", code="field.rule", detail=detail)])
    order.deliver(
        ProofOfDelivery(received_by=cmd.received_by, delivered_at=delivered_at, note=cmd.note, photo=cmd.photo)
    )
    return order


async def cancel_transport(tx: Tx, cmd: CancelTransport) -> TransportOrder:
    order = await _claimed(tx, cmd)
    order.cancel(cmd.reason)
    return order


async def dispatch_many(tx: Tx, cmd: DispatchMany) -> DispatchResults:
    """A refusal of one leaves the others as they are, and an entry in the audit trail.

    Locked by number, so two of these never wait in a ring.
    """
    found = {no: await _dispatched(tx, no) for no in sorted(set(cmd.orders))}
    return DispatchResults(results=tuple(found[no] for no in cmd.orders))


async def _dispatched(tx: Tx, no: str) -> DispatchResult:
    try:
        order = await tx.maybe(TransportOrder, lock=True, no=no, archived_at=None)
        if order is None:
            raise NotFound(TRANSPORT_ORDER.name, no)
        order.dispatch()
    except DomainError as refused:
        tx.refuse("transport-order", no, refused)
        return DispatchResult(no=no, dispatched=False, code=refused.code, detail=refused.detail)
    return DispatchResult(no=no, dispatched=True, version=order.version)
