"""Operations: the steps of a work order, what is booked on them and what happens to them on the shop floor."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from takt_contracts.event import Event
from takt_contracts.operations.steps import StepRecord, Steps
from takt_contracts.resource import Fields, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import (
    Code,
    Name,
    OperationNo,
    OrderNo,
    Percent,
    Quantity,
    QuantityChange,
    UtcDatetime,
    Version,
)

NOTHING = Decimal(0)


class Status(StrEnum):
    """FINISHED and CANCELLED are final. A hold stands beside the status and does not change it."""

    RELEASED = "RELEASED"
    IN_PROGRESS = "IN_PROGRESS"
    FINISHED = "FINISHED"
    CANCELLED = "CANCELLED"


class HoldKind(StrEnum):
    """Whether the cause lies outside the workplace (no material, no order) or in it (a broken tool)."""

    EXTERNAL = "external"
    OWN = "own"


class Hold(BaseModel):
    """Why nothing may be done on an operation for now."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    kind: HoldKind
    reason: Name = Field(examples=["no material"])


class EntryKind(StrEnum):
    """`opening` is what an import brought along; `correction` takes back or adds to an earlier entry.

    What is reported good is handed over to the next operation of the order by that entry itself; none has the kind
    `hand_over`, which stays reserved.
    """

    REPORT = "report"
    HAND_OVER = "hand_over"
    CORRECTION = "correction"
    OPENING = "opening"


class LedgerEntry(BaseModel):
    """One booking on an operation, never changed afterwards. The operation's quantities are sums over these."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    kind: EntryKind
    good: QuantityChange = Field(NOTHING, examples=["95"])
    scrap: QuantityChange = Field(NOTHING, examples=["5"])
    rework: QuantityChange = Field(NOTHING, examples=["0"])
    reason: Name | None = Field(None, examples=["porosity"])
    corrects: UUID | None = Field(None, description="The entry that a correction declares wrong.", examples=[None])
    counter_start: Quantity | None = Field(None, description="Where a counter began.", examples=[None])
    counter_end: Quantity | None = Field(None, description="Where a counter ended.", examples=[None])
    counter_reason: Name | None = Field(None, description="Why it did not begin where it ended.", examples=[None])
    booked_at: UtcDatetime
    booked_by: str = Field(description="Id of the user, key or service.", examples=["operator-07"])


class OperationFields(Fields):
    """An operation: what a client may write. Quantities are booked by reports, never written."""

    order_no: OrderNo
    operation_no: OperationNo
    workplace: Code = Field(description="Code of the workplace.", examples=["CNC-07"])
    item: Code = Field(description="Code of the item that is made.", examples=["SHAFT-40"])
    planned_start: UtcDatetime | None = None
    planned_end: UtcDatetime | None = None
    due: UtcDatetime | None = None
    qualification: Code | None = Field(
        None, description="Code of the qualification that who starts it needs.", examples=["WELD-MAG"]
    )
    steps: Steps = ()
    qty_desired: Quantity
    tolerance_percent: Percent = Field(
        NOTHING,
        description="How much more than desired, or than was handed over, may be processed, in percent of it.",
        examples=["0"],
    )


class OperationOpening(Fields):
    """What a workbook may say of an operation that is under way already. It becomes one ledger entry, the opening.

    Of an operation that is known here these are not changed: they must equal what is booked, or be left out.
    """

    status: Status | None = None
    qty_processed: Quantity | None = None
    qty_good: Quantity | None = None
    qty_scrap: Quantity | None = None
    qty_rework: Quantity | None = None


class Operation(OperationFields, Stored):
    """An operation as everyone reads it. `qty_processed` is good and scrap."""

    qty_processed: Quantity = Field(NOTHING, examples=["0"])
    qty_good: Quantity = Field(NOTHING, examples=["0"])
    qty_scrap: Quantity = Field(NOTHING, examples=["0"])
    qty_rework: Quantity = Field(NOTHING, examples=["0"])
    status: Status = Status.RELEASED
    profile: UUID | None = Field(None, description="Its own process profile: id of the record.", examples=[None])
    profile_version: Version | None = Field(None, examples=[None])
    hold: Hold | None = None


OPERATION = ResourceContract(
    owner="operations",
    name="operation",
    plural="operations",
    fields=OperationFields,
    state=Operation,
    key=("order_no", "operation_no"),
    write=Role.PLANNER,
    opening=OperationOpening,
    titles={
        "order_no": "Order",
        "operation_no": "Operation",
        "workplace": "Workplace",
        "item": "Item",
        "planned_start": "Planned start",
        "planned_end": "Planned end",
        "due": "Due",
        "qualification": "Qualification",
        "steps": "Steps",
        "qty_desired": "Quantity",
        "tolerance_percent": "Tolerance %",
        "status": "Status",
        "qty_processed": "Processed",
        "qty_good": "Good",
        "qty_scrap": "Scrap",
        "qty_rework": "Rework",
    },
    synonyms={
        "order_no": (
            "Order no", "Order number", "Work order", "Production order", "Manufacturing order", "Job", "WO",
            "Auftrag", "Auftragsnummer", "Fertigungsauftrag",
        ),
        "operation_no": (
            "Operation no", "Operation number", "Op", "Op no", "Step", "Sequence", "Vorgang", "Arbeitsgang",
        ),
        "workplace": ("Work center", "Work centre", "Workstation", "Resource", "Arbeitsplatz"),
        "item": ("Item code", "Item no", "Material", "Part", "Part number", "Product", "Artikel"),
        "planned_start": ("Start", "Start date", "Planned from", "Scheduled start", "Start geplant"),
        "planned_end": ("End", "End date", "Planned to", "Scheduled end", "Ende geplant"),
        "due": ("Due date", "Deadline", "Required date", "Delivery date", "Termin", "Liefertermin"),
        "steps": ("Measurements", "Checks", "Characteristics", "Merkmale"),
        "qualification": ("Skill", "Required qualification", "Certificate needed", "Qualifikation"),
        "qty_desired": (
            "Qty", "Desired quantity", "Planned quantity", "Order quantity", "Target quantity", "Menge", "Sollmenge",
        ),
        "tolerance_percent": ("Tolerance percent", "Tolerance", "Overproduction tolerance", "Überlieferungstoleranz"),
        "status": ("State", "Order status"),
        "qty_processed": ("Processed quantity", "Qty processed", "Done", "Completed quantity"),
        "qty_good": ("Good quantity", "Qty good", "Yield", "Gutmenge"),
        "qty_scrap": ("Scrap quantity", "Qty scrap", "Rejects", "Ausschuss"),
        "qty_rework": ("Rework quantity", "Qty rework", "Nacharbeit"),
    },
)  # fmt: skip


class EmptyBody(Fields):
    """Body of start, resume and finish: `{}`."""


class ReportBody(Fields):
    """What came out, in the item's unit. Scrap needs its reason.

    Instead of `good` two values of a counter may be sent: good is what it counted, less the scrap. A counter goes on
    where the last report ended; where it does not (it was reset to 0, or counted what is not booked), `counter_reason`
    says why.
    """

    good: Quantity = NOTHING
    scrap: Quantity = NOTHING
    rework: Quantity = NOTHING
    reason: Name | None = Field(None, validate_default=True)
    counter_start: Quantity | None = None
    counter_end: Quantity | None = Field(None, validate_default=True)
    counter_reason: Name | None = None

    @field_validator("reason")
    @classmethod
    def scrap_has_a_reason(cls, reason: str | None, others: ValidationInfo) -> str | None:
        if reason is None and others.data.get("scrap", NOTHING) > 0:
            raise PydanticCustomError("reason_missing", "Scrap needs a reason.")
        return reason

    @field_validator("counter_end")
    @classmethod
    def counter_adds_up(cls, end: Decimal | None, others: ValidationInfo) -> Decimal | None:
        start = others.data.get("counter_start")
        if end is None and start is None:
            return end
        if end is None or start is None:
            raise PydanticCustomError("counter_incomplete", "A counter needs its start and its end.")
        if others.data.get("good"):
            raise PydanticCustomError("counter_and_good", "Should be left out where good is said.")
        if end - start < others.data.get("scrap", NOTHING):
            raise PydanticCustomError("counter_backwards", "Should be at least the start of the counter and the scrap.")
        return end

    @model_validator(mode="after")
    def something_came_out(self) -> "ReportBody":
        if not (self.came_out_good or self.scrap or self.rework):
            raise PydanticCustomError("quantity_missing", "At least one of good, scrap and rework should be above 0.")
        return self

    @property
    def came_out_good(self) -> Decimal:
        """As it is said, or as it was counted."""
        if self.counter_start is None or self.counter_end is None:
            return self.good
        return self.counter_end - self.counter_start - self.scrap


class CorrectBody(Fields):
    """What an entry should have said, in the item's unit. All three 0 take it back wholly."""

    entry_id: UUID = Field(description="The wrong entry, as the ledger names it.")
    good: Quantity = NOTHING
    scrap: Quantity = NOTHING
    rework: Quantity = NOTHING
    reason: Name


class HoldBody(Fields):
    """Why the operation stops for now."""

    kind: HoldKind
    reason: Name


class CancelBody(Fields):
    """Why it will not be done."""

    reason: Name


_BOOKED: Final = {"qty_processed": "100", "qty_good": "95", "qty_scrap": "5"}


class OperationEvent(Event):
    """What all facts about an operation share."""

    service: ClassVar[str] = "operations"
    entity: ClassVar[str] = "operation"
    key: ClassVar[tuple[str, ...]] = OPERATION.key

    state: Operation


class OperationCreated(OperationEvent):
    """An operation was planned. `entry` is what a workbook brought along of work done before."""

    fact: ClassVar[str] = "created"

    entry: LedgerEntry | None = None


class OperationUpdated(OperationEvent):
    """Plan or quantity of an operation changed."""

    fact: ClassVar[str] = "updated"


class OperationStarted(OperationEvent):
    """Work on an operation began."""

    fact: ClassVar[str] = "started"
    sample: ClassVar[Mapping[str, Any]] = {"status": "IN_PROGRESS"}


class OperationReported(OperationEvent):
    """Good, scrap or rework was booked."""

    fact: ClassVar[str] = "reported"
    sample: ClassVar[Mapping[str, Any]] = {"status": "IN_PROGRESS", **_BOOKED}

    entry: LedgerEntry


class OperationCorrected(OperationEvent):
    """An entry was declared wrong, and what it should have said was booked. `causationid` is the event that told it.

    `entry` adds and takes back the differences; the wrong entry stays as it is.
    """

    fact: ClassVar[str] = "corrected"
    sample: ClassVar[Mapping[str, Any]] = {"status": "IN_PROGRESS", **_BOOKED}

    entry: LedgerEntry
    wrong: LedgerEntry
    reason: Name = Field(examples=["counted twice"])


class OperationHeld(OperationEvent):
    """An operation was put on hold."""

    fact: ClassVar[str] = "held"
    sample: ClassVar[Mapping[str, Any]] = {
        "status": "IN_PROGRESS",
        "hold": {"kind": "external", "reason": "no material"},
    }

    kind: HoldKind
    reason: Name = Field(examples=["no material"])


class OperationResumed(OperationEvent):
    """The hold of an operation ended."""

    fact: ClassVar[str] = "resumed"
    sample: ClassVar[Mapping[str, Any]] = {"status": "IN_PROGRESS"}


class OperationFinished(OperationEvent):
    """An operation is done."""

    fact: ClassVar[str] = "finished"
    sample: ClassVar[Mapping[str, Any]] = {"status": "FINISHED", **_BOOKED}


class OperationCancelled(OperationEvent):
    """An operation will not be done."""

    fact: ClassVar[str] = "cancelled"
    sample: ClassVar[Mapping[str, Any]] = {"status": "CANCELLED"}

    reason: Name


class OperationArchived(OperationEvent):
    """An operation was taken out of the lists."""

    fact: ClassVar[str] = "archived"


class OperationRestored(OperationEvent):
    """An archived operation is back."""

    fact: ClassVar[str] = "restored"


class OperationStepRecorded(OperationEvent):
    """Something was measured, answered, chosen or photographed."""

    fact: ClassVar[str] = "step-recorded"
    sample: ClassVar[Mapping[str, Any]] = {"status": "IN_PROGRESS"}

    recorded: StepRecord


class OperationStepped(Operation):
    """An operation as it is after something was recorded."""

    recorded: StepRecord
