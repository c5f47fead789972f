"""What a transport order may do next, when its legs are driven and what a truck takes. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from takt_contracts.operations.logistics import Leg, TransportStatus


class Move(StrEnum):
    ASSIGN = "assign"
    DISPATCH = "dispatch"
    DEPART = "depart"
    ARRIVE = "arrive"
    DELIVER = "deliver"
    CANCEL = "cancel"


NEXT: Mapping[tuple[TransportStatus, Move], TransportStatus] = {
    (TransportStatus.PROPOSED, Move.ASSIGN): TransportStatus.ASSIGNED,
    (TransportStatus.PROPOSED, Move.CANCEL): TransportStatus.CANCELLED,
    (TransportStatus.PLANNED, Move.ASSIGN): TransportStatus.ASSIGNED,
    (TransportStatus.PLANNED, Move.CANCEL): TransportStatus.CANCELLED,
    (TransportStatus.ASSIGNED, Move.ASSIGN): TransportStatus.ASSIGNED,
    (TransportStatus.ASSIGNED, Move.DISPATCH): TransportStatus.DISPATCHED,
    (TransportStatus.ASSIGNED, Move.CANCEL): TransportStatus.CANCELLED,
    (TransportStatus.DISPATCHED, Move.DEPART): TransportStatus.DEPARTED,
    (TransportStatus.DISPATCHED, Move.CANCEL): TransportStatus.CANCELLED,
    (TransportStatus.DEPARTED, Move.ARRIVE): TransportStatus.ARRIVED,
    (TransportStatus.ARRIVED, Move.DELIVER): TransportStatus.DELIVERED,
}
FINAL = frozenset({TransportStatus.DELIVERED, TransportStatus.CANCELLED})
BOOKED = frozenset(
    {TransportStatus.ASSIGNED, TransportStatus.DISPATCHED, TransportStatus.DEPARTED, TransportStatus.ARRIVED}
)
"""While an order is in one of these, what was assigned to it is booked."""
TIMES = ("inbound_departure", "eta", "etd", "outbound_arrival")
"""The planned times of an order, in the order in which they come."""
WINDOWS: Mapping[Leg, tuple[str, str]] = {
    Leg.INBOUND: ("inbound_departure", "eta"),
    Leg.OUTBOUND: ("etd", "outbound_arrival"),
}
"""Planned departure and planned arrival of each leg."""


def out_of_order(times: Iterable[tuple[str, datetime | None]]) -> tuple[str, str] | None:
    """The first two named times of which the later one comes before the earlier; times that are not set do not count.

    Goods arrive before or when they leave, but a truck needs time to drive: the ends of one leg may not be the same.
    """
    known = [(name, time) for name, time in times if time is not None]
    for (earlier, before), (later, after) in pairwise(known):
        if after < before or (after == before and (earlier, later) in WINDOWS.values()):
            return earlier, later
    return None


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """What a vehicle takes; None where nobody said."""

    pallets: int | None
    kilos: Decimal | None


def together(vehicles: Iterable[Capacity]) -> Capacity:
    """What a truck and its trailer take together. A tractor without a capacity of its own adds nothing."""
    known = list(vehicles)
    pallets = [vehicle.pallets for vehicle in known if vehicle.pallets is not None]
    kilos = [vehicle.kilos for vehicle in known if vehicle.kilos is not None]
    return Capacity(pallets=sum(pallets) if pallets else None, kilos=sum(kilos, Decimal(0)) if kilos else None)


def over(capacity: Capacity, *, pallets: int, kilos: Decimal) -> str | None:
    """`pallets` or `kilos`, whichever is more than the capacity; None when it all fits."""
    if capacity.pallets is not None and pallets > capacity.pallets:
        return "pallets"
    if capacity.kilos is not None and kilos > capacity.kilos:
        return "kilos"
    return None
