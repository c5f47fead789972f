"""Whether what was recorded is of the step's kind, and within its limits. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

from pydantic import TypeAdapter, ValidationError

from operations.production.errors import StepsMissing, UnknownStep, ValueUnfit, at_field
from takt_contracts.operations.steps import Step, StepKind
from takt_contracts.scalars import QuantityChange

_NUMBER: Final[TypeAdapter[Decimal]] = TypeAdapter(QuantityChange)
_YES_NO: Final = ("yes", "no")


def is_good(steps: Iterable[Step], code: str, value: str) -> bool:
    """Whether a value is good for each step of this code: the operation's own, and that of its profile.

    Raises UnknownStep, and ValueUnfit for a value of another kind or where the two are not in one unit.
    """
    found = [one for one in steps if one.step == code]
    if not found:
        raise at_field("step", UnknownStep, f"The operation has no step {code}.")
    units = sorted({one.unit for one in found if one.unit is not None})
    if len(units) > 1:
        raise at_field("value", ValueUnfit, f"{code} is in {' and in '.join(units)}: step and profile differ.")
    verdicts = [is_within(one, value) for one in found]
    return all(verdicts)


def is_within(step: Step, value: str) -> bool:
    """Whether a value is good: only numbers may miss their limits. Raises ValueUnfit for one of another kind."""
    match step.kind:
        case StepKind.NUMBER:
            return _is_between(step, _number(step, value))
        case StepKind.YES_NO:
            _require_one_of(step, value, _YES_NO)
        case StepKind.CHOICE:
            _require_one_of(step, value, choices_of(step))
    return True


def choices_of(step: Step) -> Sequence[str]:
    return [choice.strip() for choice in (step.choices or "").split(",")]


def refuse_missing(steps: Iterable[Step], last: Mapping[str, bool]) -> None:
    """`last`: of each step that was recorded, whether its last value was within the limits. Raises StepsMissing."""
    missing = list(dict.fromkeys(one.step for one in steps if one.required and not last.get(one.step, False)))
    if missing:
        raise StepsMissing(f"Not recorded within their limits: {', '.join(missing)}.", steps=missing)


def _number(step: Step, value: str) -> Decimal:
    try:
        return _NUMBER.validate_python(value)
    except ValidationError:
        raise at_field("value", ValueUnfit, f"{step.step} is a number, not {value}.") from None


def _is_between(step: Step, value: Decimal) -> bool:
    return (step.minimum is None or step.minimum <= value) and (step.maximum is None or value <= step.maximum)


def _require_one_of(step: Step, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise at_field("value", ValueUnfit, f"{step.step} is one of {', '.join(choices)}, not {value}.")
