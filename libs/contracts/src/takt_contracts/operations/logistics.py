"""Transport orders: what a truck brings to a terminal and what another takes away, from the plan to the proof."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from takt_contracts.event import Event
from takt_contracts.resource import Fields, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Count, Name, OrderNo, Quantity, Text, UtcDatetime

MOST_AT_ONCE: Final = 500


class TransportStatus(StrEnum):
    """DELIVERED and CANCELLED are final. PROPOSED is what a finished work order asks for and nobody has taken up."""

    PROPOSED = "PROPOSED"
    PLANNED = "PLANNED"
    ASSIGNED = "ASSIGNED"
    DISPATCHED = "DISPATCHED"
    DEPARTED = "DEPARTED"
    ARRIVED = "ARRIVED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


class Leg(StrEnum):
    """Inbound brings the load to the terminal until eta; outbound takes it away from etd on."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


Priority = Annotated[int, Field(strict=True, ge=1, le=9, description="1 is the most urgent.", examples=[5])]


class ProofOfDelivery(BaseModel):
    """Who took the load, when, and what shows it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    received_by: Name = Field(description="Who took it, by role or number.", examples=["Receiver 03"])
    delivered_at: UtcDatetime
    note: Text | None = Field(None, examples=["two boxes dented"])
    photo: UUID | None = Field(None, description="Id of the photo or document.")


class TransportOrderFields(Fields):
    """A transport order: what a client may write. Drivers, trucks and trailers are assigned, never written."""

    no: Code = Field(description="Unique reference of the transport order.", examples=["TO-1001"])
    service: Name = Field("standard", description="What kind of transport it is.", examples=["express"])
    priority: Priority = 5
    terminal: Annotated[Code | None, Field(description="Code of the terminal.")] = None
    order_no: Annotated[OrderNo | None, Field(description="Number of the work order that it ships.")] = None
    inbound_departure: Annotated[UtcDatetime | None, Field(description="When the inbound truck should start.")] = None
    eta: Annotated[UtcDatetime | None, Field(description="When the load should be at the terminal.")] = None
    etd: Annotated[UtcDatetime | None, Field(description="When the load should leave the terminal.")] = None
    outbound_arrival: Annotated[UtcDatetime | None, Field(description="When the load should be delivered.")] = None
    pallets: Count = 0
    boxes: Count = 0
    kilos: Quantity = Field(Decimal(0), description="In kilograms.", examples=["1250"])
    note: Text | None = None


class TransportOrder(TransportOrderFields, Stored):
    """A transport order as everyone reads it. `proof` is there once it is delivered."""

    status: TransportStatus = TransportStatus.PLANNED
    inbound_driver: Code | None = None
    inbound_truck: Code | None = None
    inbound_trailer: Code | None = None
    outbound_driver: Code | None = None
    outbound_truck: Code | None = None
    outbound_trailer: Code | None = None
    dispatched_at: UtcDatetime | None = None
    departed_at: UtcDatetime | None = None
    arrived_at: UtcDatetime | None = None
    proof: ProofOfDelivery | None = None
    cancel_reason: Name | None = None


TRANSPORT_ORDER = ResourceContract(
    owner="operations",
    name="transport-order",
    plural="transport-orders",
    fields=TransportOrderFields,
    state=TransportOrder,
    key=("no",),
    write=Role.DISPATCHER,
    titles={
        "no": "Transport order",
        "service": "Service",
        "priority": "Priority",
        "terminal": "Terminal",
        "order_no": "Work order",
        "inbound_departure": "Inbound departure",
        "eta": "ETA",
        "etd": "ETD",
        "outbound_arrival": "Outbound arrival",
        "pallets": "Pallets",
        "boxes": "Boxes",
        "kilos": "Kilos",
        "note": "Note",
    },
    synonyms={
        "no": ("Transport no", "Reference", "Reference no", "Shipment", "Delivery no", "Transportauftrag"),
        "service": ("Service type", "Transport type", "Versandart"),
        "priority": ("Prio", "Urgency", "Priorität"),
        "terminal": ("Terminal code", "Gate", "Dock", "Location"),
        "order_no": ("Order", "Order no", "Production order", "WO", "Auftrag"),
        "inbound_departure": ("Inbound start", "Pick up", "Abholung"),
        "eta": ("Estimated arrival", "Estimated time of arrival", "Arrival", "Ankunft"),
        "etd": ("Estimated departure", "Estimated time of departure", "Departure", "Abfahrt"),
        "outbound_arrival": ("Outbound end", "Delivery", "Delivery date", "Zustellung"),
        "pallets": ("Pallet count", "No of pallets", "Paletten"),
        "boxes": ("Box count", "Cartons", "Kartons"),
        "kilos": ("Weight", "Weight kg", "Kg", "Gewicht"),
        "note": ("Remark", "Remarks", "Comment", "Bemerkung"),
    },
)


class AssignBody(Fields):
    """Who and what drives one leg. It replaces what was assigned to that leg before."""

    leg: Leg = Leg.OUTBOUND
    driver: Code | None = None
    truck: Code | None = None
    trailer: Code | None = None

    @model_validator(mode="after")
    def something_is_assigned(self) -> "AssignBody":
        if not (self.driver or self.truck or self.trailer):
            raise PydanticCustomError("assignment_missing", "At least one of driver, truck and trailer is needed.")
        return self


class NoBody(Fields):
    """Body of dispatch, depart and arrive: `{}`."""


class DeliverBody(Fields):
    """The proof of delivery. Without a time it is now."""

    received_by: Name
    delivered_at: UtcDatetime | None = None
    note: Text | None = None
    photo: UUID | None = None


class CancelTransportBody(Fields):
    """Why it will not be driven."""

    reason: Name


class DispatchBody(Fields):
    """Which transport orders to dispatch, each for itself."""

    orders: tuple[Code, ...] = Field(min_length=1, max_length=MOST_AT_ONCE, examples=[["TO-1001", "TO-1002"]])


class DispatchResult(BaseModel):
    """What became of one of them: dispatched, or the code and the sentence of its refusal."""

    no: Code
    dispatched: bool
    version: int | None = Field(None, description="Of the dispatched order.")
    code: str | None = Field(None, examples=["transport-order.illegal-transition"])
    detail: str | None = None


class DispatchResults(BaseModel):
    """One result for each order asked for, in the same order."""

    results: tuple[DispatchResult, ...]


_ASSIGNED: Final = {"outbound_driver": "DR-01", "outbound_truck": "TR-01"}


class TransportOrderEvent(Event):
    """What all facts about a transport order share."""

    service: ClassVar[str] = "operations"
    entity: ClassVar[str] = "transport-order"
    key: ClassVar[tuple[str, ...]] = TRANSPORT_ORDER.key

    state: TransportOrder


class TransportOrderCreated(TransportOrderEvent):
    """A transport order was planned."""

    fact: ClassVar[str] = "created"


class TransportOrderProposed(TransportOrderEvent):
    """The last operation of a work order was finished, so its transport is proposed. It is told once a work order."""

    fact: ClassVar[str] = "proposed"
    sample: ClassVar[Mapping[str, Any]] = {"status": "PROPOSED", "order_no": "WO-1001"}


class TransportOrderUpdated(TransportOrderEvent):
    """Plan or load of a transport order changed."""

    fact: ClassVar[str] = "updated"


class TransportOrderAssigned(TransportOrderEvent):
    """Driver, truck or trailer of one leg were booked for its time."""

    fact: ClassVar[str] = "assigned"
    sample: ClassVar[Mapping[str, Any]] = {"status": "ASSIGNED", **_ASSIGNED}

    leg: Leg


class TransportOrderDispatched(TransportOrderEvent):
    """The driver was sent."""

    fact: ClassVar[str] = "dispatched"
    sample: ClassVar[Mapping[str, Any]] = {"status": "DISPATCHED", **_ASSIGNED}


class TransportOrderDeparted(TransportOrderEvent):
    """The load left the terminal."""

    fact: ClassVar[str] = "departed"
    sample: ClassVar[Mapping[str, Any]] = {"status": "DEPARTED", **_ASSIGNED}


class TransportOrderArrived(TransportOrderEvent):
    """The load reached its destination."""

    fact: ClassVar[str] = "arrived"
    sample: ClassVar[Mapping[str, Any]] = {"status": "ARRIVED", **_ASSIGNED}


class TransportOrderDelivered(TransportOrderEvent):
    """The load was handed over; `proof` says to whom."""

    fact: ClassVar[str] = "delivered"
    sample: ClassVar[Mapping[str, Any]] = {
        "status": "DELIVERED",
        **_ASSIGNED,
        "proof": {"received_by": "Receiver 03", "delivered_at": "2026-03-02T06:30:00Z"},
    }


class TransportOrderCancelled(TransportOrderEvent):
    """A transport order will not be driven; what was booked for it is free again."""

    fact: ClassVar[str] = "cancelled"
    sample: ClassVar[Mapping[str, Any]] = {"status": "CANCELLED", "cancel_reason": "customer collects"}

    reason: Name = Field(examples=["customer collects"])


class TransportOrderArchived(TransportOrderEvent):
    """A transport order was taken out of the lists."""

    fact: ClassVar[str] = "archived"


class TransportOrderRestored(TransportOrderEvent):
    """An archived transport order is back."""

    fact: ClassVar[str] = "restored"
