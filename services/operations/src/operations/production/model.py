"""An operation, and the constraints that hold when every rule above them has a bug."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate, not_at_work
from operations.production.errors import (
    ConsumedDownstream,
    DesiredBelowProcessed,
    DueBeforeStart,
    Final,
    IllegalTransition,
    NothingHandedOver,
    NotOnHold,
    NotRunning,
    OnHold,
    OverDesired,
    OverHandedOver,
    StepsMissing,
    at_field,
)
from operations.production.ledger import QUANTITY, LedgerRow
from operations.production.rules import FINAL, NEXT, WORK, Action, Neighbours, ceiling, room_left, shown
from operations.profiles.model import bound_profile
from plantkit.db.constraints import TRIGGERS
from plantkit.db.structured import Structured
from plantkit.errors import DomainError
from plantkit.resources.references import IN_USE, WHOLE
from plantkit.resources.resource import Archivable
from takt_contracts.event import Event
from takt_contracts.operations.production import (
    Hold,
    HoldKind,
    OperationCancelled,
    OperationCorrected,
    OperationEvent,
    OperationFinished,
    OperationHeld,
    OperationReported,
    OperationResumed,
    OperationStarted,
    OperationStepRecorded,
    OperationUpdated,
    Status,
)
from takt_contracts.operations.profiles import OperationProfileBound
from takt_contracts.operations.steps import Step, StepRecord
from takt_contracts.operations.timers import Timer

LISTED_BY = ("order_no", "workplace", "item", "status", "planned_start", "due")
"""What lists of operations filter and sort by: each has an index, because there are millions of operations."""
_STATUSES = ", ".join(f"'{status}'" for status in Status)
_FINAL = ", ".join(f"'{status}'" for status in sorted(FINAL))
TOLD: Mapping[Action, type[OperationEvent]] = {
    Action.START: OperationStarted,
    Action.REPORT: OperationReported,
    Action.CORRECT: OperationCorrected,
    Action.HOLD: OperationHeld,
    Action.RESUME: OperationResumed,
    Action.FINISH: OperationFinished,
    Action.CANCEL: OperationCancelled,
}
"""The fact that each action leaves."""
_TRIGGERS = {
    "operations_steps_are_recorded_check": (
        StepsMissing,
        "Steps that are required are not recorded within their limits.",
    ),
    "operations_within_handed_over_check": (OverHandedOver, "More would be processed than was handed over meanwhile."),
    "operations_something_handed_over_check": (NothingHandedOver, "What was handed over was taken back meanwhile."),
    "operations_consumed_is_covered_check": (
        ConsumedDownstream,
        "The operation after has processed more than would be handed over to it.",
    ),
    **not_at_work("operations")[TRIGGERS],
}
"""What triggers refuse: they look at the operations before and after and at what was recorded, which no CHECK can."""


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
            "qty_processed * 100 <= qty_desired * (100 + tolerance_percent)",
            name="processed_is_within_desired",
            info={"error": OverDesired, "detail": "More would be processed than is desired."},
        ),
        CheckConstraint("tolerance_percent BETWEEN 0 AND 100", name="tolerance_is_a_share"),
        CheckConstraint("qty_processed = 0 OR status <> 'RELEASED'", name="nothing_before_start"),
        CheckConstraint("(hold_kind IS NULL) = (hold_reason IS NULL)", name="hold_is_whole"),
        CheckConstraint("hold_kind IN ('external', 'own')", name="hold_kind_is_known"),
        CheckConstraint(f"hold_kind IS NULL OR status NOT IN ({_FINAL})", name="final_is_not_held"),
        CheckConstraint("planned_end >= planned_start", name="ends_after_start"),
        CheckConstraint(
            "due >= planned_start",
            name="due_after_start",
            info={"error": DueBeforeStart, "detail": "The due date lies before the planned start."},
        ),
        CheckConstraint("version > 0", name="version_is_positive"),
        *bound_profile(),
        *(Index(None, name, "order_no", "operation_no") for name in LISTED_BY if name != "order_no"),
        Index(None, "status", "due", "order_no", "operation_no"),
        Index(None, "workplace", "status", "planned_start"),
        {"comment": "The steps of work orders", "info": {IN_USE: f"status NOT IN ({_FINAL})", TRIGGERS: _TRIGGERS}},
    )

    order_no: Mapped[str] = mapped_column(String(40), ForeignKey("operations.work_orders.order_no", info={WHOLE: True}))
    operation_no: Mapped[str] = mapped_column(String(40))
    workplace: Mapped[str] = mapped_column(String(40), ForeignKey("operations.workplaces.code"))
    item: Mapped[str] = mapped_column(String(40), ForeignKey("operations.items.code"))
    planned_start: Mapped[datetime | None]
    planned_end: Mapped[datetime | None]
    due: Mapped[datetime | None]
    qualification: Mapped[str | None] = mapped_column(String(40))
    steps: Mapped[tuple[Step, ...]] = mapped_column(Structured(Step))
    qty_desired: Mapped[Decimal] = mapped_column(QUANTITY)
    tolerance_percent: Mapped[Decimal] = mapped_column(Numeric(5, 2), default=Decimal(0), server_default="0")
    qty_processed: Mapped[Decimal] = mapped_column(QUANTITY, default=Decimal(0))
    qty_good: Mapped[Decimal] = mapped_column(QUANTITY, default=Decimal(0))
    qty_scrap: Mapped[Decimal] = mapped_column(QUANTITY, default=Decimal(0))
    qty_rework: Mapped[Decimal] = mapped_column(QUANTITY, default=Decimal(0))
    status: Mapped[str] = mapped_column(String(20), default=Status.RELEASED)
    hold_kind: Mapped[str | None] = mapped_column(String(20))
    hold_reason: Mapped[str | None] = mapped_column(String(200))
    profile: Mapped[UUID | None]
    profile_version: Mapped[int | None] = mapped_column(BigInteger)
    entries: Mapped[int] = mapped_column(BigInteger, default=0, comment="how many ledger entries it has")

    def __init__(self, **values: Any) -> None:
        zero = Decimal(0)
        quantities = {
            "qty_processed": zero,
            "qty_good": zero,
            "qty_scrap": zero,
            "qty_rework": zero,
            "entries": 0,
            "steps": (),
        }
        super().__init__(**{"status": Status.RELEASED, "tolerance_percent": zero, **quantities, **values})

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
        if self.ceiling < self.qty_processed:
            detail = f"{self.qty_processed:f} are processed already."
            raise at_field("qty_desired", DesiredBelowProcessed, detail)

    @property
    def ceiling(self) -> Decimal:
        """The most that its order lets it process."""
        return ceiling(self.qty_desired, self.tolerance_percent)

    def open(self, *, entry: LedgerRow) -> None:
        """Take over what was done before it was known here. It is told by its creation."""
        self._book(entry)

    def start(self, around: Neighbours) -> None:
        """Raises NothingHandedOver."""
        self._move(Action.START)
        if around.handed_over == 0:
            raise NothingHandedOver("The operation before has reported nothing good yet.")
        self.record(OperationStarted)

    def report(self, *, entry: LedgerRow, around: Neighbours) -> None:
        """Book one entry. Raises OverDesired, OverHandedOver when there is no room for it."""
        self._move(Action.REPORT)
        self._book(entry)
        self._require_room(entry, around)
        self.record(OperationReported, entry=entry)

    def correct(self, *, entry: LedgerRow, wrong: LedgerRow, around: Neighbours) -> None:
        """Book what makes `wrong` right. Raises OverDesired, OverHandedOver, ConsumedDownstream."""
        self._move(Action.CORRECT)
        self._book(entry)
        if entry.processed > 0:
            self._require_room(entry, around)
        if entry.good < 0:
            self._require_cover(around)
        self.record(OperationCorrected, entry=entry, wrong=wrong, reason=entry.reason)

    def _book(self, entry: LedgerRow) -> None:
        self.qty_good, self.qty_scrap, self.qty_rework = entry.good_total, entry.scrap_total, entry.rework_total
        self.qty_processed = self.qty_good + self.qty_scrap
        self.entries = entry.entry_no

    def _require_room(self, entry: LedgerRow, around: Neighbours) -> None:
        if self.qty_processed > self.ceiling:
            raise self._no_room(entry, OverDesired, self.ceiling, "desired")
        if around.handed_over is None or self.status == Status.CANCELLED:
            return
        most = ceiling(around.handed_over, self.tolerance_percent)
        if self.qty_processed > most:
            raise self._no_room(entry, OverHandedOver, most, "handed over")

    def _no_room(
        self, entry: LedgerRow, error: type[OverDesired | OverHandedOver], most: Decimal, what: str
    ) -> DomainError:
        left = room_left(ceiling=most, processed=self.qty_processed - entry.processed)
        detail = f"{shown(entry.processed)} would be booked, but only {shown(left)} of {shown(most)} {what} are left."
        return at_field("good" if entry.good > 0 else "scrap", error, detail)

    def _require_cover(self, around: Neighbours) -> None:
        most = ceiling(self.qty_good, around.consumer_tolerance_percent)
        if self.status != Status.CANCELLED and around.consumed > most:
            detail = (
                f"The operation after has processed {shown(around.consumed)}; {shown(most)} would be handed over to it."
            )
            raise at_field("good", ConsumedDownstream, detail)

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

    def require_running(self) -> None:
        """Raises NotRunning."""
        if self.status != Status.IN_PROGRESS or self.hold_kind is not None:
            raise NotRunning(f"It is {self.status if self.hold_kind is None else 'on hold'}; nothing is taken of it.")

    def time(self, event: type[Event], timer: Timer) -> None:
        """Tell that a timer was opened or closed. The answer shows the last of them beside the operation."""
        self.__dict__["timer"] = timer
        self.record(event, timer=timer)

    def note(self, recorded: StepRecord) -> None:
        """Tell what was recorded of a step. The answer shows it beside the operation."""
        self.__dict__["recorded"] = recorded
        self.record(OperationStepRecorded, recorded=recorded)

    def bind_profile(self, profile: UUID | None, version: int | None) -> None:
        """Hold it to a version of a process profile, or to that of its item. Raises Final."""
        if self.status in FINAL:
            raise Final(f"It is {self.status} and does not change any more.")
        self.profile, self.profile_version = profile, version
        self.record(OperationProfileBound)

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
