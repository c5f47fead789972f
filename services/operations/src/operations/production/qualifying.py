"""Whether a person may do an operation: what it takes, and what they are qualified for now. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from operations.production.errors import (
    QualificationExpired,
    QualificationMissing,
    QualificationNotYetValid,
    at_field,
)
from takt_contracts.operations.employees import Qualification

_READER = TypeAdapter(tuple[Qualification, ...])


@dataclass(frozen=True, kw_only=True)
class Person:
    """An employee's code and what they are qualified for."""

    code: str
    qualifications: Sequence[Qualification]

    @classmethod
    def of(cls, code: str, stored: Any) -> "Person":
        """From the column, which travels as JSON text."""
        return cls(code=code, qualifications=_READER.validate_json(stored))


def require_qualified(needed: str | None, person: Person | None, *, at: datetime) -> None:
    """Nothing where nothing is needed. The same code may be held several times: one of them must cover `at`.

    Raises QualificationMissing, QualificationExpired, QualificationNotYetValid.
    """
    if needed is None:
        return
    if person is None:
        raise at_field("employee", QualificationMissing, f"It takes {needed}: name the employee who does it.")
    held = [one for one in person.qualifications if one.code == needed]
    if not held:
        raise at_field("employee", QualificationMissing, f"{person.code} is not qualified for {needed}.")
    if any(_covers(one, at) for one in held):
        return
    ends = max((one.valid_until for one in held if one.valid_until is not None and one.valid_until <= at), default=None)
    if ends is not None:
        raise at_field("employee", QualificationExpired, f"{person.code}'s {needed} has expired at {ends.isoformat()}.")
    begins = min(one.valid_from for one in held if one.valid_from is not None)
    raise at_field(
        "employee", QualificationNotYetValid, f"{person.code}'s {needed} is valid from {begins.isoformat()} on."
    )


def _covers(one: Qualification, at: datetime) -> bool:
    return (one.valid_from is None or one.valid_from <= at) and (one.valid_until is None or at < one.valid_until)
