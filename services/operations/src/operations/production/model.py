"""An operation, its quantity ledger, and the constraints that hold when every rule above them has a bug."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate, Row
from operations.production.errors import DesiredBelowProcessed, Final, IllegalTransition, NotOnHold, OnHold, OverDesired
from operations.production.rules import FINAL, NEXT, WORK, Action, room_left
from plantkit.resources.references import IN_USE
from plantkit.resources.resource import Archivable
from takt_contracts.event import Event
from takt_contracts.operations.production import (
    EntryKind,
    Hold,
    HoldKind,
    OperationCancelled,
    OperationFinished,
    OperationHeld,
    OperationReported,
    OperationResumed,
    OperationStarted,
    OperationUpdated,
    Status,
)
from takt_contracts.problem import FieldError

_QUANTITY = Numeric(18, 6)
LISTED_BY = ("order_no", "workplace", "item", "status", "planned_start", "due")
"""What lists of operations filter and sort by: each has an index, because there are millions of operations."""
_STATUSES = ", ".join(f"'{status}'" for status in Status)
_FINAL = ", ".join(f"'{status}'" for status in sorted(FINAL))
_KINDS = ", ".join(f"'{kind}'" for kind in EntryKind)


class Operation(Archivable, Aggregate):
    """One step of a work order at one workplace, known as order_no + operation_no.

    Quantities are in the item's unit. They are sums of the ledger, kept here for reading; the database refuses a sum
    that the ledger does not have.
    """

    __tablename__ = "operations"
    __table_args__ = (
        UniqueConstraint("order_no", "operation_no"),
        CheckConstraint(f"status IN ({_STATUSES})", name="status_is_known"),
        CheckConstraint("qty_desired > 0", name="desired_is_positive"),
        CheckConstraint("qty_good >= 0 AND qty_scrap >= 0 AND qty_rework >= 0", name="nothing_is_negative"),
        CheckConstraint("qty_processed = qty_good + qty_scrap", name="processed_is_good_plus_scrap"),
        CheckConstraint(
            "qty_processed <= qty_desired",
            name="processed_is_within_desired",
            info={"error": OverDesired, "detail": "More would be processed than is desired."},
        ),
        CheckConstraint("qty_processed = 0 OR status <> 'RELEASED'", name="nothing_before_start"),
        CheckConstraint("(hold_kind IS NULL) = (hold_reason IS NULL)", name="hold_is_whole"),
        CheckConstraint("hold_kind IN ('external', 'own')", name="hold_kind_is_known"),
        CheckConstraint(f"hold_kind IS NULL OR status NOT IN ({_FINAL})", name="final_is_not_held"),
        CheckConstraint("planned_end >= planned_start", name="ends_after_start"),
        CheckConstraint("version > 0", name="version_is_positive"),
        *(Index(None, name, "order_no", "operation_no") for name in LISTED_BY if name != "order_no"),
        Index(None, "status", "due", "order_no", "operation_no"),
        Index(None, "workplace", "status", "planned_start"),
        {"comment": "The steps of work orders", "info": {IN_USE: f"status NOT IN ({_FINAL})"}},
    )

    order_no: Mapped[str] = mapped_column(String(40))
    operation_no: Mapped[str] = mapped_column(String(40))
    workplace: Mapped[str] = mapped_column(String(40), ForeignKey("operations.workplaces.code"))
    item: Mapped[str] = mapped_column(String(40), ForeignKey("operations.items.code"))
    planned_start: Mapped[datetime | None]
    planned_end: Mapped[datetime | None]
    due: Mapped[datetime | None]
    qty_desired: Mapped[Decimal] = mapped_column(_QUANTITY)
    qty_processed: Mapped[Decimal] = mapped_column(_QUANTITY, default=Decimal(0))
    qty_good: Mapped[Decimal] = mapped_column(_QUANTITY, default=Decimal(0))
    qty_scrap: Mapped[Decimal] = mapped_column(_QUANTITY, default=Decimal(0))
    qty_rework: Mapped[Decimal] = mapped_column(_QUANTITY, default=Decimal(0))
    status: Mapped[str] = mapped_column(String(20), default=Status.RELEASED)
    hold_kind: Mapped[str | None] = mapped_column(String(20))
    hold_reason: Mapped[str | None] = mapped_column(String(200))
    entries: Mapped[int] = mapped_column(BigInteger, default=0, comment="how many ledger entries it has")

    def __init__(self, **values: Any) -> None:
        zero = Decimal(0)
        quantities = {"qty_processed": zero, "qty_good": zero, "qty_scrap": zero, "qty_rework": zero, "entries": 0}
        super().__init__(**{"status": Status.RELEASED, **quantities, **values})

    @property
    def hold(self) -> Hold | None:
        if self.hold_kind is None or self.hold_reason is None:
            return None
        return Hold(kind=HoldKind(self.hold_kind), reason=self.hold_reason)

    def record(self, event: type[Event], **facts: Any) -> None:
        """Tell a fact, unless it is a change of the plan that history forbids. Raises Final, DesiredBelowProcessed."""
        if event is OperationUpdated:
            self._refuse_late_plan()
        super().record(event, **facts)

    def _refuse_late_plan(self) -> None:
        if self.status in FINAL:
            raise Final(f"It is {self.status} and does not change any more.")
        if self.qty_desired < self.qty_processed:
            detail = f"{self.qty_processed:f} are processed already."
            raise DesiredBelowProcessed(
                detail, errors=[FieldError(pointer="/qty_desired", code="field.rule", detail=detail)]
            )

    def open(self, *, entry: "LedgerRow") -> None:
        """Take over what was done before it was known here. It is told by its creation."""
        self.qty_good, self.qty_scrap, self.qty_rework = entry.good, entry.scrap, entry.rework
        self.qty_processed = entry.good + entry.scrap
        self.entries = entry.entry_no

    def start(self) -> None:
        self._move(Action.START)
        self.record(OperationStarted)

    def report(self, *, entry: "LedgerRow") -> None:
        """Book one entry. Raises OverDesired when the order has no room for it."""
        self._move(Action.REPORT)
        if entry.good + entry.scrap > room_left(desired=self.qty_desired, processed=self.qty_processed):
            raise OverDesired(self._no_room(entry))
        self.qty_good, self.qty_scrap = self.qty_good + entry.good, self.qty_scrap + entry.scrap
        self.qty_rework += entry.rework
        self.qty_processed = self.qty_good + self.qty_scrap
        self.entries = entry.entry_no
        self.record(OperationReported, entry=entry)

    def hold_back(self, hold: Hold) -> None:
        self._move(Action.HOLD)
        if self.hold_kind is not None:
            raise OnHold(f"It is on hold already: {self.hold_reason}")
        self.hold_kind, self.hold_reason = hold.kind, hold.reason
        self.record(OperationHeld, kind=hold.kind, reason=hold.reason)

    def resume(self) -> None:
        self._move(Action.RESUME)
        if self.hold_kind is None:
            raise NotOnHold("It is not on hold.")
        self.hold_kind = self.hold_reason = None
        self.record(OperationResumed)

    def finish(self) -> None:
        self._move(Action.FINISH)
        self.record(OperationFinished)

    def cancel(self, reason: str) -> None:
        self._move(Action.CANCEL)
        self.hold_kind = self.hold_reason = None
        self.record(OperationCancelled, reason=reason)

    def _move(self, action: Action) -> None:
        status = Status(self.status)
        to = NEXT.get((status, action))
        if to is None:
            raise IllegalTransition(status=status, action=action)
        if action in WORK and self.hold_kind is not None:
            raise OnHold(f"It is on hold: {self.hold_reason}")
        self.status = to

    def _no_room(self, entry: "LedgerRow") -> str:
        left = room_left(desired=self.qty_desired, processed=self.qty_processed)
        asked = entry.good + entry.scrap
        return f"{asked:f} would be booked, but only {left:f} of {self.qty_desired:f} are left."


class LedgerRow(Row):
    """One booking of an operation: never changed, never deleted (the service's role may not).

    Quantities are what this entry adds, totals what the operation has after it. `entry_no` counts the entries of an
    operation from 1 without gaps.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        UniqueConstraint("operation_id", "entry_no"),
        CheckConstraint(f"kind IN ({_KINDS})", name="kind_is_known"),
        CheckConstraint(
            "kind = 'correction' OR good >= 0 AND scrap >= 0 AND rework >= 0", name="only_corrections_take_back"
        ),
        CheckConstraint("good <> 0 OR scrap <> 0 OR rework <> 0", name="something_is_booked"),
        CheckConstraint("scrap = 0 OR reason IS NOT NULL", name="scrap_has_a_reason"),
        CheckConstraint("entry_no > 0", name="number_is_positive"),
    )

    operation_id: Mapped[UUID] = mapped_column(ForeignKey("operations.operations.id"))
    entry_no: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    good: Mapped[Decimal] = mapped_column(_QUANTITY)
    scrap: Mapped[Decimal] = mapped_column(_QUANTITY)
    rework: Mapped[Decimal] = mapped_column(_QUANTITY)
    good_total: Mapped[Decimal] = mapped_column(_QUANTITY, comment="of the operation, after this entry")
    scrap_total: Mapped[Decimal] = mapped_column(_QUANTITY)
    rework_total: Mapped[Decimal] = mapped_column(_QUANTITY)
    reason: Mapped[str | None] = mapped_column(String(200))
    booked_by: Mapped[str] = mapped_column(String(200))

    @property
    def booked_at(self) -> datetime:
        return self.created_at
