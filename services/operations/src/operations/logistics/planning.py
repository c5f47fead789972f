"""What may be planned: the rules of creating and changing a transport order, checked beside the constraints."""

from operations.logistics.bookings import KINDS, locked, require_free, require_room
from operations.logistics.errors import TimesOutOfOrder
from operations.logistics.model import TransportOrder
from operations.logistics.rules import BOOKED, TIMES, out_of_order
from plantkit.db.tx import Tx
from plantkit.resources.resource import Resource
from takt_contracts.operations.logistics import (
    TRANSPORT_ORDER,
    Leg,
    TransportOrderArchived,
    TransportOrderCreated,
    TransportOrderFields,
    TransportOrderRestored,
    TransportOrderUpdated,
)
from takt_contracts.problem import FieldError
from takt_contracts.resource import Change

_BOOKS = (*TIMES, "pallets", "kilos")
"""Fields that what is assigned depends on."""


def times_in_order(tx: Tx, before: TransportOrderFields | None, after: TransportOrderFields) -> None:
    """Raises TimesOutOfOrder."""
    wrong = out_of_order((name, getattr(after, name)) for name in TIMES)
    if wrong is not None:
        earlier, later = wrong
        detail = f"{later} comes before {earlier}, or at the same time."
        raise TimesOutOfOrder(detail, errors=[FieldError(pointer=f"/{later}", code="field.rule", detail=detail)])


async def still_booked(tx: Tx, before: TransportOrderFields | None, after: TransportOrderFields) -> None:
    """A change of times or load suits who and what is assigned already. Raises NoWindow, DoubleBooked, OverCapacity."""
    if before is None or all(getattr(before, name) == getattr(after, name) for name in _BOOKS):
        return
    order = await tx.one(TransportOrder, no=after.no)
    if order.status not in BOOKED:
        return
    for name in _BOOKS:
        setattr(order, name, getattr(after, name))
    for leg in Leg:
        await _leg_still_booked(tx, order, leg)


async def _leg_still_booked(tx: Tx, order: TransportOrder, leg: Leg) -> None:
    wanted = {kind: getattr(order, f"{leg}_{kind}") for kind in KINDS}
    if not any(wanted.values()):
        return
    assets = await locked(tx, wanted, leg)
    require_room(order, assets)
    await require_free(tx, order.id, leg, order.window(leg), assets)


TRANSPORT_ORDERS = Resource(
    TRANSPORT_ORDER,
    TransportOrder,
    search=("no", "order_no", "terminal", "outbound_driver", "outbound_truck", "outbound_trailer"),
    rules=(times_in_order, still_booked),
    facts={
        Change.CREATED: TransportOrderCreated,
        Change.UPDATED: TransportOrderUpdated,
        Change.ARCHIVED: TransportOrderArchived,
        Change.RESTORED: TransportOrderRestored,
    },
    parts={"proof": ("received_by", "delivered_at", "delivery_note", "delivery_photo")},
)
