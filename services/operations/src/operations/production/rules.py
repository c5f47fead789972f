"""What an operation may do next. Pure: no database, no clock, no framework."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from takt_contracts.operations.production import Status


class Action(StrEnum):
    START = "start"
    REPORT = "report"
    CORRECT = "correct"
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
    (Status.IN_PROGRESS, Action.CORRECT): Status.IN_PROGRESS,
    (Status.FINISHED, Action.CORRECT): Status.FINISHED,
    (Status.CANCELLED, Action.CORRECT): Status.CANCELLED,
}
FINAL = frozenset({Status.FINISHED, Status.CANCELLED})
WORK = frozenset({Action.START, Action.REPORT, Action.FINISH})
"""Actions that a hold forbids."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """One legal step: what an action makes of an operation, held or not."""

    status: Status
    is_held: bool
    action: Action
    becomes: Status
    becomes_held: bool


def moves() -> Iterator[Move]:
    """Every legal step there is. What this does not yield is refused."""
    for (status, action), becomes in NEXT.items():
        for is_held in (False, True):
            if _is_open(status, action, is_held=is_held):
                held = action is Action.HOLD or (is_held and action not in (Action.RESUME, Action.CANCEL))
                yield Move(status=status, is_held=is_held, action=action, becomes=becomes, becomes_held=held)


def _is_open(status: Status, action: Action, *, is_held: bool) -> bool:
    if not is_held:
        return action is not Action.RESUME
    return status not in FINAL and action not in WORK and action is not Action.HOLD


def ceiling(base: Decimal, tolerance_percent: Decimal) -> Decimal:
    """The most that may be processed where `base` is desired or was handed over. Exact, in the item's unit."""
    return base * (100 + tolerance_percent) / 100


def room_left(*, ceiling: Decimal, processed: Decimal) -> Decimal:
    """How much may still be reported, in the item's unit. Never negative."""
    return max(ceiling - processed, Decimal(0))


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """What the operations before and after it say, in the item's unit.

    `handed_over` is the good of the one before, None for the first; `consumed` is what the one after has processed.
    """

    handed_over: Decimal | None = None
    consumed: Decimal = Decimal(0)
    consumer_tolerance_percent: Decimal = Decimal(0)


def continues(*, start: Decimal, stood_at: Decimal, has_reason: bool) -> bool:
    """Whether a counter may begin here: where it stood, or with a reason further on or, after a reset, at 0."""
    if start == stood_at:
        return True
    return has_reason and (start > stood_at or start == 0)


def shown(quantity: Decimal) -> str:
    """As a person writes it: 2, not 2.000000."""
    return f"{quantity.normalize():f}"
