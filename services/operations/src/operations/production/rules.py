"""What an operation may do next. Pure: no database, no clock, no framework."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum

from takt_contracts.operations.production import Status


class Action(StrEnum):
    START = "start"
    REPORT = "report"
    HOLD = "hold"
    RESUME = "resume"
    FINISH = "finish"
    CANCEL = "cancel"


NEXT: Mapping[tuple[Status, Action], Status] = {
    (Status.RELEASED, Action.START): Status.IN_PROGRESS,
    (Status.RELEASED, Action.HOLD): Status.RELEASED,
    (Status.RELEASED, Action.RESUME): Status.RELEASED,
    (Status.RELEASED, Action.CANCEL): Status.CANCELLED,
    (Status.IN_PROGRESS, Action.REPORT): Status.IN_PROGRESS,
    (Status.IN_PROGRESS, Action.HOLD): Status.IN_PROGRESS,
    (Status.IN_PROGRESS, Action.RESUME): Status.IN_PROGRESS,
    (Status.IN_PROGRESS, Action.FINISH): Status.FINISHED,
    (Status.IN_PROGRESS, Action.CANCEL): Status.CANCELLED,
}
FINAL = frozenset({Status.FINISHED, Status.CANCELLED})
WORK = frozenset({Action.START, Action.REPORT, Action.FINISH})
"""Actions that a hold forbids."""


def room_left(*, desired: Decimal, processed: Decimal) -> Decimal:
    """How much may still be reported, in the item's unit. Never negative."""
    return max(desired - processed, Decimal(0))
