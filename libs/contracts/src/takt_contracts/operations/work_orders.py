"""Work orders: what is to be made, as a sequence of operations. Their status follows from these, nobody types it in."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from takt_contracts.event import Event
from takt_contracts.operations.production import Status
from takt_contracts.resource import Fields, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, OrderNo, Quantity, UtcDatetime

Priority = Annotated[
    int, Field(strict=True, ge=1, le=9, description="1 is done first, 9 last; 5 where nothing is said.", examples=[5])
]


class Origin(StrEnum):
    """What made it: a request to the API, or rows of an import."""

    API = "api"
    IMPORT = "import"


class WorkOrderFields(Fields):
    """A work order: what a client may write. With an item that has a routing and a quantity it begins with the
    operations of the routing.
    """

    order_no: OrderNo
    name: Name | None = None
    item: Annotated[Code | None, Field(description="Code of the item that is made.", examples=["SHAFT-40"])] = None
    qty_desired: Quantity | None = None
    priority: Priority = 5
    due: UtcDatetime | None = None


class WorkOrder(WorkOrderFields, Stored):
    """A work order as everyone reads it. While `closed_at` is set it takes no new work."""

    source: Origin = Origin.API
    status: Status = Field(
        Status.RELEASED,
        description="FINISHED and CANCELLED when all operations are; IN_PROGRESS while one was started.",
    )
    closed_at: UtcDatetime | None = Field(None, examples=[None])
    close_reason: Name | None = Field(None, examples=[None])


WORK_ORDER = ResourceContract(
    owner="operations",
    name="work-order",
    plural="work-orders",
    fields=WorkOrderFields,
    state=WorkOrder,
    key=("order_no",),
    write=Role.PLANNER,
    titles={
        "order_no": "Order",
        "name": "Name",
        "item": "Item",
        "qty_desired": "Quantity",
        "priority": "Priority",
        "due": "Due",
    },
    synonyms={
        "order_no": (
            "Order no", "Order number", "Work order", "Production order", "Manufacturing order", "WO", "Auftrag",
            "Auftragsnummer",
        ),
        "name": ("Order name", "Title", "Designation", "Bezeichnung"),
        "item": ("Item code", "Item no", "Material", "Part", "Part number", "Product", "Artikel"),
        "qty_desired": ("Qty", "Order quantity", "Planned quantity", "Target quantity", "Menge"),
        "priority": ("Prio", "Urgency", "Priorität"),
        "due": ("Due date", "Deadline", "Delivery date", "Termin", "Liefertermin"),
    },
)  # fmt: skip


class OrderReason(Fields):
    """Why a work order is closed, or opened again."""

    reason: Name


class WorkOrderEvent(Event):
    """What all facts about a work order share."""

    service: ClassVar[str] = "operations"
    entity: ClassVar[str] = WORK_ORDER.name
    key: ClassVar[tuple[str, ...]] = WORK_ORDER.key

    state: WorkOrder


class WorkOrderCreated(WorkOrderEvent):
    """A work order came to be: by itself, or because an operation named it."""

    fact: ClassVar[str] = "created"


class WorkOrderUpdated(WorkOrderEvent):
    """What is planned of a work order changed."""

    fact: ClassVar[str] = "updated"


class WorkOrderReleased(WorkOrderEvent):
    """Nothing of a work order is under way any more, and something is still to be done."""

    fact: ClassVar[str] = "released"


class WorkOrderStarted(WorkOrderEvent):
    """Work on an order is under way: the first operation was started, or there is something to do again."""

    fact: ClassVar[str] = "started"
    sample: ClassVar[Mapping[str, Any]] = {"status": "IN_PROGRESS"}


class WorkOrderFinished(WorkOrderEvent):
    """The last operation of a work order is done."""

    fact: ClassVar[str] = "finished"
    sample: ClassVar[Mapping[str, Any]] = {"status": "FINISHED"}


class WorkOrderCancelled(WorkOrderEvent):
    """All operations of a work order are cancelled."""

    fact: ClassVar[str] = "cancelled"
    sample: ClassVar[Mapping[str, Any]] = {"status": "CANCELLED"}


class WorkOrderClosed(WorkOrderEvent):
    """A work order takes no new work."""

    fact: ClassVar[str] = "closed"

    reason: Name = Field(examples=["delivered"])


class WorkOrderReopened(WorkOrderEvent):
    """A closed work order takes work again."""

    fact: ClassVar[str] = "reopened"

    reason: Name = Field(examples=["three more are needed"])


class WorkOrderArchived(WorkOrderEvent):
    """A work order was taken out of the lists."""

    fact: ClassVar[str] = "archived"


class WorkOrderRestored(WorkOrderEvent):
    """An archived work order is back."""

    fact: ClassVar[str] = "restored"
