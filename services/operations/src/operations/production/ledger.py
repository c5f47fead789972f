"""The quantity ledger of operations, append-only."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Row
from takt_contracts.operations.production import EntryKind

QUANTITY = Numeric(18, 6)
_KINDS = ", ".join(f"'{kind}'" for kind in EntryKind)


class LedgerRow(Row):
    """One booking of an operation: never changed, never deleted (the service's role may not).

    Quantities are what this entry adds, totals what the operation has after it. `entry_no` counts the entries of an
    operation from 1 without gaps. What it says of itself alone is checked here, what it says of others by the trigger
    `entry_continues`.
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
        CheckConstraint("(kind = 'correction') = (corrects IS NOT NULL)", name="correction_names_an_entry"),
        CheckConstraint("(counter_start IS NULL) = (counter_end IS NULL)", name="counter_is_whole"),
        CheckConstraint("counter_end - counter_start = good + scrap", name="counter_is_what_came_out"),
        CheckConstraint("counter_start >= 0 AND counter_end >= counter_start", name="counter_never_runs_backwards"),
        Index(
            "ledger_entries_corrects_key",
            "corrects",
            unique=True,
            postgresql_where=text("corrects IS NOT NULL"),
        ),
        Index(
            "ledger_entries_counter_idx",
            "operation_id",
            "entry_no",
            postgresql_where=text("counter_end IS NOT NULL"),
        ),
        Index(None, "created_at", postgresql_using="brin"),
        {"comment": "What was booked on operations; append-only"},
    )

    operation_id: Mapped[UUID] = mapped_column(ForeignKey("operations.operations.id"))
    entry_no: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    good: Mapped[Decimal] = mapped_column(QUANTITY)
    scrap: Mapped[Decimal] = mapped_column(QUANTITY)
    rework: Mapped[Decimal] = mapped_column(QUANTITY)
    good_total: Mapped[Decimal] = mapped_column(QUANTITY, comment="of the operation, after this entry")
    scrap_total: Mapped[Decimal] = mapped_column(QUANTITY)
    rework_total: Mapped[Decimal] = mapped_column(QUANTITY)
    reason: Mapped[str | None] = mapped_column(String(200))
    booked_by: Mapped[str] = mapped_column(String(200))
    corrects: Mapped[UUID | None] = mapped_column(ForeignKey("operations.ledger_entries.id"))
    counter_start: Mapped[Decimal | None] = mapped_column(QUANTITY)
    counter_end: Mapped[Decimal | None] = mapped_column(QUANTITY)
    counter_reason: Mapped[str | None] = mapped_column(String(200))

    @property
    def processed(self) -> Decimal:
        return self.good + self.scrap

    @property
    def booked_at(self) -> datetime:
        return self.created_at
