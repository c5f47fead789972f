"""Steps of an operation: what operators have to measure, answer or photograph while they do it."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from takt_contracts.resource import Fields
from takt_contracts.scalars import Code, Flag, Name, QuantityChange, Text, Unit, UtcDatetime


class StepKind(StrEnum):
    """What is recorded. A photo is recorded by its reference: the id of a document or of media."""

    NUMBER = "number"
    TEXT = "text"
    YES_NO = "yes_no"
    CHOICE = "choice"
    PHOTO = "photo"


class Step(BaseModel):
    """What is to be recorded. What is required must be recorded within its limits before the operation is finished."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: Code = Field(description="Its code within the operation.", examples=["BORE"])
    kind: StepKind
    name: Name | None = None
    unit: Unit | None = None
    minimum: QuantityChange | None = Field(None, description="The least that is good, in `unit`.")
    maximum: QuantityChange | None = Field(None, description="The most that is good, in `unit`.", validate_default=True)
    choices: Text | None = Field(None, description="Of a choice, separated by commas.", validate_default=True)
    required: Flag = False

    @field_validator("maximum")
    @classmethod
    def limits_belong_to_numbers(cls, maximum: Decimal | None, others: ValidationInfo) -> Decimal | None:
        minimum = others.data.get("minimum")
        has_limits = minimum is not None or maximum is not None
        if has_limits and others.data.get("kind") is not StepKind.NUMBER:
            raise PydanticCustomError("limits_unfit", "Limits belong to numbers.")
        if minimum is not None and maximum is not None and maximum < minimum:
            raise PydanticCustomError("limits_empty", "Should not be below the minimum.")
        return maximum

    @field_validator("choices")
    @classmethod
    def a_choice_has_choices(cls, choices: str | None, others: ValidationInfo) -> str | None:
        if (choices is not None) != (others.data.get("kind") is StepKind.CHOICE):
            raise PydanticCustomError("choices_unfit", "A choice needs them, and nothing else takes them.")
        return choices


def _each_once(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    if len({one.step for one in steps}) < len(steps):
        raise PydanticCustomError("step_twice", "A step should stand in it once.")
    return steps


Steps = Annotated[
    tuple[Step, ...],
    AfterValidator(_each_once),
    Field(
        max_length=100,
        description="What is to be recorded while it is done.",
        examples=[[{"step": "BORE", "kind": "number", "unit": "mm", "minimum": "39.98", "maximum": "40.02"}]],
    ),
]


def _as_text(value: Any) -> Any:
    """A number is its text, and a truth is yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float | Decimal) else value


StepValue = Annotated[Name, BeforeValidator(_as_text), Field(examples=["40.01", "yes"])]


class StepBody(Fields):
    """What was measured, answered, chosen or photographed. Another record of the same step takes its place."""

    step: Code
    value: StepValue
    comment: Name | None = None


class StepRecord(BaseModel):
    """What was recorded of a step, never changed afterwards. Of several the last one counts."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID
    step: Code = Field(examples=["BORE"])
    value: Name = Field(examples=["40.01"])
    is_within_limits: bool = Field(examples=[True])
    comment: Name | None = Field(None, examples=[None])
    recorded_at: UtcDatetime
    recorded_by: str = Field(description="Id of the user, key or service.", examples=["operator-07"])
