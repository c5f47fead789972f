"""A patch is validated as the whole that it makes."""

import pytest
from pydantic import ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from plantkit.db import row
from plantkit.errors import Invalid
from plantkit.resources.commands import merged
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Count


class RangeFields(Fields):
    code: Code
    low: Count
    high: Count

    @field_validator("high")
    @classmethod
    def high_is_not_below_low(cls, high: int, others: ValidationInfo) -> int:
        if high < others.data.get("low", high):
            raise PydanticCustomError("range_upside_down", "Should not be below low.")
        return high


class Range(RangeFields, Stored):
    """A range as everyone reads it."""


class RangeChanged(ResourceChanged[Range]):
    """A range was created, updated, archived or restored."""


RANGE = ResourceContract(
    owner="kit",
    name="range",
    plural="ranges",
    fields=RangeFields,
    state=Range,
    changed=RangeChanged,
    key=("code",),
    write=Role.PLANNER,
    titles={},
)


class RangeRow(Archivable):
    __tablename__ = "ranges"
    __table_args__ = (UniqueConstraint("code"),)
    metadata = row.schema("kit")

    code: Mapped[str] = mapped_column(String(40))
    low: Mapped[int] = mapped_column(BigInteger)
    high: Mapped[int] = mapped_column(BigInteger)


RANGES = Resource(RANGE, RangeRow)
BEFORE = RangeFields(code="R-1", low=1, high=5)


def test_a_patch_that_fits_is_taken():
    assert merged(RANGES, BEFORE, {"low": 5}) == RangeFields(code="R-1", low=5, high=5)


def test_a_field_that_is_right_on_its_own_and_wrong_beside_another_is_refused_with_its_place():
    with pytest.raises(Invalid) as refused:
        merged(RANGES, BEFORE, {"low": 6})
    assert [(error.pointer, error.code) for error in refused.value.errors] == [("/high", "field.value")]
