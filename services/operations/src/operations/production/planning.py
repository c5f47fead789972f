"""What may be planned: the rules of creating and changing an operation, checked beside the constraints."""

from operations.production.errors import DueBeforeStart, EndsBeforeStart, NothingDesired
from operations.production.model import LISTED_BY, Operation
from operations.production.opening import OperationsOpening
from operations.production.whole import PartOfOrder
from plantkit.db.tx import Tx
from plantkit.resources.resource import Resource
from takt_contracts.operations.production import (
    OPERATION,
    OperationArchived,
    OperationCreated,
    OperationFields,
    OperationRestored,
    OperationUpdated,
)
from takt_contracts.problem import FieldError
from takt_contracts.resource import Change


def ends_after_it_starts(tx: Tx, before: OperationFields | None, after: OperationFields) -> None:
    """Raises EndsBeforeStart."""
    start, end = after.planned_start, after.planned_end
    if start is not None and end is not None and end < start:
        detail = "The planned end lies before the planned start."
        raise EndsBeforeStart(detail, errors=[FieldError(pointer="/planned_end", code="field.rule", detail=detail)])


def due_after_it_starts(tx: Tx, before: OperationFields | None, after: OperationFields) -> None:
    """Raises DueBeforeStart."""
    start, due = after.planned_start, after.due
    if start is not None and due is not None and due < start:
        detail = "The due date lies before the planned start."
        raise DueBeforeStart(detail, errors=[FieldError(pointer="/due", code="field.rule", detail=detail)])


def desires_something(tx: Tx, before: OperationFields | None, after: OperationFields) -> None:
    """Raises NothingDesired."""
    if after.qty_desired <= 0:
        detail = "The desired quantity must be above 0."
        raise NothingDesired(detail, errors=[FieldError(pointer="/qty_desired", code="field.range", detail=detail)])


OPERATIONS = Resource(
    OPERATION,
    Operation,
    search=("order_no", "operation_no", "item"),
    rules=(ends_after_it_starts, due_after_it_starts, desires_something),
    facts={
        Change.CREATED: OperationCreated,
        Change.UPDATED: OperationUpdated,
        Change.ARCHIVED: OperationArchived,
        Change.RESTORED: OperationRestored,
    },
    parts={"hold": ("hold_kind", "hold_reason")},
    compared=LISTED_BY,
    opening=OperationsOpening(),
    along=PartOfOrder(),
)
