"""Workshop entries: what the service keeps of them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate
from plantkit.db.structured import Structured
from plantkit.resources.resource import Archivable, Authored, Resource
from takt_contracts.operations.workshop import WORKSHOP_ENTRY, Photo, ProcessParameter, WorkshopResult

_RESULTS = ", ".join(f"'{result}'" for result in WorkshopResult)


class WorkshopEntryRow(Archivable, Authored, Aggregate):
    """What was done at machines, and how it came out."""

    __tablename__ = "workshop_entries"
    __table_args__ = (
        UniqueConstraint("no"),
        ForeignKeyConstraint(
            ["order_no", "operation_no"], ["operations.operations.order_no", "operations.operations.operation_no"]
        ),
        CheckConstraint(f"result IN ({_RESULTS})", name="result_is_known"),
        CheckConstraint("operation_no IS NULL OR order_no IS NOT NULL", name="operation_has_an_order"),
        CheckConstraint("(profile IS NULL) = (profile_version IS NULL)", name="profile_is_whole"),
        CheckConstraint("profile_version > 0", name="profile_version_is_positive"),
        Index(None, "machine", "performed_at", "no"),
        Index(None, "result", "performed_at", "no"),
        Index(None, "performed_at", "no"),
        Index(None, "order_no", "operation_no"),
        Index(None, "author", "no"),
        {"comment": "What was done at machines, and how it came out"},
    )

    no: Mapped[str] = mapped_column(String(40))
    machine: Mapped[str] = mapped_column(String(40), ForeignKey("operations.machines.code"))
    order_no: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.work_orders.order_no"))
    operation_no: Mapped[str | None] = mapped_column(String(40))
    profile: Mapped[UUID | None]
    profile_version: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[str] = mapped_column(String(20))
    performed_at: Mapped[datetime | None]
    parameters: Mapped[tuple[ProcessParameter, ...]] = mapped_column(Structured(ProcessParameter))
    photos: Mapped[tuple[Photo, ...]] = mapped_column(Structured(Photo))
    note: Mapped[str | None] = mapped_column(String(2000))


WORKSHOP_ENTRIES = Resource(WORKSHOP_ENTRY, WorkshopEntryRow, search=("no", "machine", "order_no", "note"))
