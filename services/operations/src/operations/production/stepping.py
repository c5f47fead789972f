"""What was recorded of an operation's steps: append-only, and of several records of a step the last one counts."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, Uuid, bindparam, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Row
from operations.production.measuring import is_good, refuse_missing
from operations.production.model import Operation
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from takt_contracts.operations.steps import Step, StepRecord


class StepRecordRow(Row):
    """A value of a step: never changed, never deleted (the service's role may not)."""

    __tablename__ = "step_records"
    __table_args__ = (
        Index(None, "operation_id", "step", "id"),
        Index(None, "operation_id", "id"),
        {"comment": "What was recorded of the steps of operations; append-only"},
    )

    operation_id: Mapped[UUID] = mapped_column(ForeignKey("operations.operations.id"))
    step: Mapped[str] = mapped_column(String(40))
    value: Mapped[str] = mapped_column(String(200))
    is_within_limits: Mapped[bool]
    comment: Mapped[str | None] = mapped_column(String(200))
    recorded_by: Mapped[str] = mapped_column(String(200))


_LAST = compile_statement(
    select(StepRecordRow.step, StepRecordRow.is_within_limits)
    .ext(distinct_on(StepRecordRow.step))
    .where(StepRecordRow.operation_id == bindparam("operation_id"))
    .order_by(StepRecordRow.step, StepRecordRow.id.desc())
)
PAGE = compile_statement(
    select(
        StepRecordRow.id,
        StepRecordRow.step,
        StepRecordRow.value,
        StepRecordRow.is_within_limits,
        StepRecordRow.comment,
        StepRecordRow.created_at.label("recorded_at"),
        StepRecordRow.recorded_by,
    )
    .where(StepRecordRow.operation_id == bindparam("operation_id"), StepRecordRow.id > bindparam("after", type_=Uuid))
    .order_by(StepRecordRow.id)
    .limit(bindparam("limit"))
)


def record_step(
    tx: Tx, operation: Operation, steps: Iterable[Step], *, step: str, value: str, comment: str | None
) -> None:
    """What misses the limits is kept too: it happened. Raises NotRunning, UnknownStep, ValueUnfit."""
    operation.require_running()
    good = is_good(steps, step, value)
    about = {"step": step, "value": value, "is_within_limits": good, "comment": comment, "recorded_by": tx.principal.id}
    row = tx.add(StepRecordRow, operation_id=operation.id, **about)
    operation.note(StepRecord(id=row.id, recorded_at=row.created_at, **about))


async def require_recorded(tx: Tx, operation: Operation, steps: Sequence[Step]) -> None:
    """Raises StepsMissing naming them."""
    if any(step.required for step in steps):
        found = await tx.fetch(_LAST, operation_id=operation.id)
        refuse_missing(steps, {one["step"]: one["is_within_limits"] for one in found})
