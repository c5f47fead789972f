"""What the operations before and after one say, read in the same moment as the operation itself.

Within an order the operations are a sequence by their numbers; those that are cancelled or archived are passed over.
The triggers `keep_flow` and `keep_flow_of_new` hold what is checked here against what others commit at the same time.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import aliased

from operations.production.model import Operation
from operations.production.rules import Neighbours
from plantkit.db.row import Values
from plantkit.db.tx import Beside
from takt_contracts.operations.production import Status

_Before: Final = aliased(Operation, name="before")
_After: Final = aliased(Operation, name="after")


def _of_the_order(other: type[Operation], *met: ColumnElement[bool]) -> tuple[ColumnElement[bool], ...]:
    return (other.order_no == Operation.order_no, other.status != Status.CANCELLED, other.archived_at.is_(None), *met)


def _before(column: Any) -> Any:
    met = _of_the_order(_Before, _Before.operation_no < Operation.operation_no)
    return select(column).where(*met).order_by(_Before.operation_no.desc()).limit(1).correlate(Operation)


def _after(column: Any) -> Any:
    met = _of_the_order(_After, _After.operation_no > Operation.operation_no)
    return select(column).where(*met).order_by(_After.operation_no).limit(1).correlate(Operation)


BEFORE: Final[Beside] = (_before(_Before.qty_good).scalar_subquery().label("handed_over"),)
AROUND: Final[Beside] = (
    *BEFORE,
    _after(_After.qty_processed).scalar_subquery().label("consumed"),
    _after(_After.tolerance_percent).scalar_subquery().label("consumer_tolerance_percent"),
)


def neighbours(read: Values) -> Neighbours:
    """From what was read beside an operation; what was not found says nothing."""
    names = ("handed_over", "consumed", "consumer_tolerance_percent")
    return Neighbours(**{name: read[name] for name in names if read.get(name) is not None})
