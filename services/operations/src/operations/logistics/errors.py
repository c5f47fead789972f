"""What can be refused of a transport."""

from operations.logistics.rules import Move
from plantkit.errors import DomainError, Invalid, Kind
from takt_contracts.operations.logistics import TransportStatus


class IllegalMove(DomainError):
    """A transport order cannot do this in its present status."""

    kind = Kind.CONFLICT
    code = "transport-order.illegal-transition"
    cure = "Read the transport order: its status says what comes next."

    def __init__(self, *, status: TransportStatus, move: Move) -> None:
        super().__init__(f"A {status} transport order cannot {move}.", status=status, action=move)


class NobodyDrives(DomainError):
    """A transport is dispatched with a driver and a truck on its outbound leg."""

    kind = Kind.CONFLICT
    code = "transport-order.nobody-drives"
    cure = "Assign a driver and a truck to the outbound leg first."


class DoubleBooked(DomainError):
    """A driver, truck or trailer is booked by another transport order for a time that overlaps."""

    kind = Kind.CONFLICT
    code = "transport-order.double-booking"
    cure = "Take another one, move the planned times, or free it from the order named in the answer."


class OverCapacity(Invalid):
    """The load is more than the assigned truck and trailer take."""

    code = "transport-order.over-capacity"
    cure = "Assign a larger truck or another trailer, or split the load over two transport orders."


class NoWindow(Invalid):
    """A leg is booked from its planned departure to its planned arrival, and one of them is missing."""

    code = "transport-order.no-window"
    cure = "Set both planned times of the leg first."


class TimesOutOfOrder(Invalid):
    """Planned times contradict each other: inbound departure, eta, etd and outbound arrival come in this order."""

    code = "transport-order.times-out-of-order"
    cure = "Correct the planned times."


class DeliveredInFuture(Invalid):
    """A proof of delivery names a time that has not come yet."""

    code = "transport-order.delivered-in-future"
    cure = "Correct the time, or leave it out: then it is now."


class TransportFinal(DomainError):
    """A delivered or cancelled transport order is history and does not change any more."""

    kind = Kind.CONFLICT
    code = "transport-order.final"
    cure = "Plan what is left to drive as a new transport order."


class UnderWay(DomainError):
    """A transport order with a booked truck or driver is not archived."""

    kind = Kind.CONFLICT
    code = "transport-order.under-way"
    cure = "Deliver or cancel it first."
