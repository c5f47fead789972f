"""What a process profile asks of an operation. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from takt_contracts.operations.steps import Step, StepKind, Steps

_STEPS: Final[TypeAdapter[tuple[Step, ...]]] = TypeAdapter(Steps)


def steps_of(content: Mapping[str, Any]) -> Sequence[Step] | None:
    """A step for each parameter. None where the content is not what the shipped type asks for: it may be changed."""
    named = [content] if content.get("parameter") else []
    try:
        return _STEPS.validate_python([_step(one) for one in (*named, *content.get("limits", ()))])
    except (ValidationError, TypeError, AttributeError):
        return None


def _step(limit: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "step": limit.get("parameter"),
        "kind": StepKind.NUMBER,
        "unit": limit.get("unit"),
        "minimum": limit.get("low"),
        "maximum": limit.get("high"),
        "required": limit.get("required", False),
    }
