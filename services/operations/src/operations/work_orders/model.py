"""A work order, and the constraints that hold when every rule above them has a bug."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate
from operations.work_orders.errors import OrderIsClosed, OrderIsOpen
from plantkit.resources.resource import Archivable
from takt_contracts.event import Event
from takt_contracts.operations.production import Status
from takt_contracts.operations.work_orders import (
    Origin,
    WorkOrderCancelled,
    WorkOrderClosed,
    WorkOrderEvent,
    WorkOrderFinished,
    WorkOrderReleased,
    WorkOrderReopened,
    WorkOrderStarted,
    WorkOrderUpdated,
)

_LISTED_BY = ("item", "status", "priority", "due", "closed_at")
_TOLD: Final[Mapping[Status, type[WorkOrderEvent]]] = {
    Status.RELEASED: WorkOrderReleased,
    Status.IN_PROGRESS: WorkOrderStarted,
    Status.FINISHED: WorkOrderFinished,
    Status.CANCELLED: WorkOrderCancelled,
}
_STATUSES = ", ".join(f"'{status}'" for status in Status)
_ORIGINS = ", ".join(f"'{origin}'" for origin in Origin)


class WorkOrder(Archivable, Aggregate):
    """What is to be made, as a sequence of operations. Its status is theirs; a trigger refuses any other."""

    __tablename__ = "work_orders"
    __table_args__ = (
        UniqueConstraint("order_no"),
        CheckConstraint(f"status IN ({_STATUSES})", name="status_is_known"),
        CheckConstraint(f"source IN ({_ORIGINS})", name="source_is_known"),
        CheckConstraint("priority BETWEEN 1 AND 9", name="priority_is_known"),
        CheckConstraint("qty_desired >= 0", name="nothing_is_negative"),
        CheckConstraint("(closed_at IS NULL) = (close_reason IS NULL)", name="closing_is_whole"),
        *(Index(None, name, "order_no") for name in _LISTED_BY),
        {"comment": "What is to be made, as a sequence of operations"},
    )

    order_no: Mapped[str] = mapped_column(String(40))
    name: Mapped[str | None] = mapped_column(String(200))
    item: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.items.code"))
    qty_desired: Mapped[Decimal | None] = mapped_column(Numeric(18, 6))
    priority: Mapped[int] = mapped_column(SmallInteger)
    due: Mapped[datetime | None]
    source: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(20))
    closed_at: Mapped[datetime | None]
    close_reason: Mapped[str | None] = mapped_column(String(200))

    def __init__(self, **values: object) -> None:
        super().__init__(**{"priority": 5, "source": Origin.API, "status": Status.RELEASED, **values})

    def record(self, event: type[Event], **facts: object) -> None:
        """Tell a fact, unless it is a change of the plan of a closed order. Raises OrderIsClosed."""
        if event is WorkOrderUpdated and self.closed_at is not None:
            raise OrderIsClosed(f"It was closed: {self.close_reason}")
        super().record(event, **facts)

    def settle(self, status: Status) -> None:
        """Take over what its operations have come to. The same again is no fact."""
        if status != self.status:
            self.status = status
            self.record(_TOLD[status])

    def close(self, reason: str) -> None:
        """Raises OrderIsClosed when somebody did so before."""
        if self.closed_at is not None:
            raise OrderIsClosed(f"It was closed: {self.close_reason}")
        self.closed_at, self.close_reason = self._now, reason
        self.record(WorkOrderClosed, reason=reason)

    def reopen(self, reason: str) -> None:
        """Raises OrderIsOpen."""
        if self.closed_at is None:
            raise OrderIsOpen("It is not closed.")
        self.closed_at = self.close_reason = None
        self.record(WorkOrderReopened, reason=reason)
