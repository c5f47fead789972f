"""A transport order, the bookings that follow from it, and the constraints that hold whatever the code does."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, Numeric, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate, Row
from operations.logistics.errors import (
    DoubleBooked,
    IllegalMove,
    NobodyDrives,
    NoWindow,
    OverCapacity,
    TransportFinal,
    UnderWay,
)
from operations.logistics.rules import BOOKED, FINAL, NEXT, WINDOWS, Move
from plantkit.db.constraints import TRIGGERS
from plantkit.resources.references import IN_USE
from plantkit.resources.resource import Archivable
from takt_contracts.event import Event
from takt_contracts.operations.logistics import (
    Leg,
    ProofOfDelivery,
    TransportOrderArchived,
    TransportOrderArrived,
    TransportOrderAssigned,
    TransportOrderCancelled,
    TransportOrderDelivered,
    TransportOrderDeparted,
    TransportOrderDispatched,
    TransportOrderUpdated,
    TransportStatus,
)
from takt_contracts.problem import FieldError

_STATUSES = ", ".join(f"'{status}'" for status in TransportStatus)
_FINAL = ", ".join(f"'{status}'" for status in sorted(FINAL))
_LEGS = ", ".join(f"'{leg}'" for leg in Leg)
_BOOKING = {
    "transport_orders_load_is_within_capacity_check": (
        OverCapacity,
        "The load is more than the assigned truck and trailer take.",
    )
}
"""What the trigger that makes bookings refuses: it looks at trucks and trailers, which no CHECK can."""
Window = tuple[datetime, datetime]


def _windowed(leg: Leg) -> CheckConstraint:
    departs, arrives = WINDOWS[leg]
    assets = ", ".join(f"{leg}_{kind}" for kind in ("driver", "truck", "trailer"))
    return CheckConstraint(
        f"num_nonnulls({assets}) = 0 OR num_nulls({departs}, {arrives}) = 0",
        name=f"{leg}_has_a_window",
        info={"error": NoWindow, "detail": f"What is assigned to the {leg} leg needs {departs} and {arrives}."},
    )


class TransportOrder(Archivable, Aggregate):
    """What one truck brings to a terminal and another takes away.

    The database books drivers, trucks and trailers from these rows (`TransportBooking`); nobody else writes bookings.
    """

    __tablename__ = "transport_orders"
    __table_args__ = (
        UniqueConstraint("no"),
        UniqueConstraint("proposed_for"),
        CheckConstraint(f"status IN ({_STATUSES})", name="status_is_known"),
        CheckConstraint("priority BETWEEN 1 AND 9", name="priority_is_known"),
        CheckConstraint("pallets >= 0 AND boxes >= 0 AND kilos >= 0", name="nothing_is_negative"),
        CheckConstraint("eta > inbound_departure", name="inbound_takes_time"),
        CheckConstraint("outbound_arrival > etd", name="outbound_takes_time"),
        CheckConstraint("etd >= eta", name="leaves_after_it_came"),
        *(_windowed(leg) for leg in Leg),
        CheckConstraint("status <> 'DELIVERED' OR received_by IS NOT NULL", name="delivered_is_proven"),
        CheckConstraint("(received_by IS NULL) = (delivered_at IS NULL)", name="proof_is_whole"),
        CheckConstraint("(status = 'CANCELLED') = (cancel_reason IS NOT NULL)", name="cancelled_has_a_reason"),
        CheckConstraint("version > 0", name="version_is_positive"),
        Index(None, "status", "no"),
        Index(None, "eta", "no"),
        Index(None, "etd", "no"),
        Index(None, "created_at", "no"),
        Index(None, "terminal", "no"),
        Index(None, "service", "no"),
        Index(None, "priority", "no"),
        Index(None, "order_no", "no"),
        *(
            Index(None, f"{leg}_{kind}", postgresql_where=text(f"{leg}_{kind} IS NOT NULL"))
            for leg in Leg
            for kind in ("driver", "truck", "trailer")
        ),
        {
            "comment": "What is brought to terminals and taken away",
            "info": {IN_USE: f"status NOT IN ({_FINAL})", TRIGGERS: _BOOKING},
        },
    )

    no: Mapped[str] = mapped_column(String(40))
    service: Mapped[str] = mapped_column(String(200))
    priority: Mapped[int] = mapped_column(Integer)
    terminal: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.terminals.code"))
    order_no: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.work_orders.order_no"))
    inbound_departure: Mapped[datetime | None]
    eta: Mapped[datetime | None]
    etd: Mapped[datetime | None]
    outbound_arrival: Mapped[datetime | None]
    pallets: Mapped[int] = mapped_column(BigInteger)
    boxes: Mapped[int] = mapped_column(BigInteger)
    kilos: Mapped[Decimal] = mapped_column(Numeric(18, 6))
    note: Mapped[str | None] = mapped_column(String(2000))
    status: Mapped[str] = mapped_column(String(20))
    inbound_driver: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.drivers.code"))
    inbound_truck: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.trucks.code"))
    inbound_trailer: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.trailers.code"))
    outbound_driver: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.drivers.code"))
    outbound_truck: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.trucks.code"))
    outbound_trailer: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.trailers.code"))
    dispatched_at: Mapped[datetime | None]
    departed_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    received_by: Mapped[str | None] = mapped_column(String(200))
    delivered_at: Mapped[datetime | None]
    delivery_note: Mapped[str | None] = mapped_column(String(2000))
    delivery_photo: Mapped[UUID | None]
    cancel_reason: Mapped[str | None] = mapped_column(String(200))
    proposed_for: Mapped[str | None] = mapped_column(
        String(40), comment="the work order whose last operation asked for it; one proposal each"
    )

    def __init__(self, **values: Any) -> None:
        super().__init__(**{"status": TransportStatus.PLANNED, **values})

    @property
    def proof(self) -> ProofOfDelivery | None:
        if self.received_by is None or self.delivered_at is None:
            return None
        return ProofOfDelivery(
            received_by=self.received_by,
            delivered_at=self.delivered_at,
            note=self.delivery_note,
            photo=self.delivery_photo,
        )

    def record(self, event: type[Event], **facts: Any) -> None:
        """Tell a fact, unless it is a change that the order's status forbids. Raises TransportFinal, UnderWay."""
        if event is TransportOrderUpdated and self.status in FINAL:
            raise TransportFinal(f"It is {self.status} and does not change any more.")
        if event is TransportOrderArchived and self.status in BOOKED:
            raise UnderWay(f"It is {self.status}; its truck and driver are booked.")
        super().record(event, **facts)

    def window(self, leg: Leg) -> Window:
        """When the leg is driven: from its planned departure to its planned arrival. Raises NoWindow."""
        missing = [name for name in WINDOWS[leg] if getattr(self, name) is None]
        if missing:
            detail = f"The {leg} leg has no {' and no '.join(missing)}."
            raise NoWindow(detail, errors=[FieldError(pointer="/leg", code="field.rule", detail=detail)])
        start, end = (getattr(self, name) for name in WINDOWS[leg])
        return start, end

    def assign(self, leg: Leg, assets: Mapping[str, str | None]) -> None:
        """Book driver, truck and trailer for one leg, instead of what was booked for it before."""
        self._move(Move.ASSIGN)
        for kind, code in assets.items():
            setattr(self, f"{leg}_{kind}", code)
        self.record(TransportOrderAssigned, leg=leg)

    def dispatch(self) -> None:
        """Raises NobodyDrives."""
        self._move(Move.DISPATCH)
        if self.outbound_driver is None or self.outbound_truck is None:
            raise NobodyDrives("Its outbound leg has no driver or no truck.")
        self.dispatched_at = self._now
        self.record(TransportOrderDispatched)

    def depart(self) -> None:
        self._move(Move.DEPART)
        self.departed_at = self._now
        self.record(TransportOrderDeparted)

    def arrive(self) -> None:
        self._move(Move.ARRIVE)
        self.arrived_at = self._now
        self.record(TransportOrderArrived)

    def deliver(self, proof: ProofOfDelivery) -> None:
        self._move(Move.DELIVER)
        self.received_by, self.delivered_at = proof.received_by, proof.delivered_at
        self.delivery_note, self.delivery_photo = proof.note, proof.photo
        self.record(TransportOrderDelivered)

    def cancel(self, reason: str) -> None:
        self._move(Move.CANCEL)
        self.cancel_reason = reason
        self.record(TransportOrderCancelled, reason=reason)

    def _move(self, move: Move) -> None:
        status = TransportStatus(self.status)
        to = NEXT.get((status, move))
        if to is None:
            raise IllegalMove(status=status, move=move)
        self.status = to


def _nowhere_twice(kind: str) -> ExcludeConstraint:
    """Ranges over the number need no extension, as equality of numbers would."""
    number = f"{kind}_no"
    return ExcludeConstraint(
        (text(f"int8range({number}, {number}, '[]')"), "&&"),
        ("during", "&&"),
        name=f"transport_bookings_{kind}_excl",
        where=text(f"{number} IS NOT NULL"),
        using="gist",
        info={"error": DoubleBooked, "detail": f"The {kind} is booked by another transport order for that time."},
    )


class TransportBooking(Row):
    """Who and what is away for one leg of an order, and when. Made by the database from the order, never by hand."""

    __tablename__ = "transport_bookings"
    __table_args__ = (
        UniqueConstraint("transport_order_id", "leg"),
        CheckConstraint(f"leg IN ({_LEGS})", name="leg_is_known"),
        CheckConstraint("NOT isempty(during)", name="takes_time"),
        *(_nowhere_twice(kind) for kind in ("driver", "truck", "trailer")),
        {"comment": "When drivers, trucks and trailers are away; follows from transport orders"},
    )

    transport_order_id: Mapped[UUID] = mapped_column(ForeignKey("operations.transport_orders.id"))
    leg: Mapped[str] = mapped_column(String(20))
    driver_no: Mapped[int | None] = mapped_column(BigInteger)
    truck_no: Mapped[int | None] = mapped_column(BigInteger)
    trailer_no: Mapped[int | None] = mapped_column(BigInteger)
    during: Mapped[Any] = mapped_column(TSTZRANGE)
