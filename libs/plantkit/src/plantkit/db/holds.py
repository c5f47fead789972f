"""What a change refers to, kept as it is until the change is committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column

from plantkit.errors import UnknownReference
from takt_contracts.problem import FieldError


@dataclass(frozen=True, slots=True)
class Hold:
    """`field` of the change refers to the row of `target`'s table where `target` equals `value`."""

    field: str
    target: Column[Any]
    value: Any


@dataclass(frozen=True, slots=True)
class Keep:
    """The row where `target` equals `value` is at `version`, as it was when the change was decided upon."""

    target: Column[Any]
    value: Any
    version: int


def unknown(holds: Sequence[Hold]) -> UnknownReference:
    """The refusal of a change whose references found nothing, naming each field."""
    errors = [
        FieldError(
            pointer=f"/{hold.field}",
            code="field.unknown-reference",
            detail=f"There is no {hold.value} in {hold.target.table.name}.",
        )
        for hold in holds
    ]
    named = " and ".join(hold.field for hold in holds)
    return UnknownReference(f"{named} names nothing that exists.", errors=errors)
