"""Process profiles as operations use them: which version of a record is bound, and what it asks for."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from takt_contracts.operations.production import OperationEvent
from takt_contracts.operations.steps import Steps
from takt_contracts.resource import Fields
from takt_contracts.scalars import Version

_PROFILE = "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a"


class ProfileBody(Fields):
    """Which version of a process profile holds from now on. Both null: none any more."""

    profile: UUID | None = Field(description="Id of the record of the process profile.", examples=[_PROFILE])
    profile_version: Version | None = Field(description="A final version of it.", examples=[3])

    @field_validator("profile_version")
    @classmethod
    def a_profile_has_a_version(cls, version: int | None, others: ValidationInfo) -> int | None:
        if "profile" in others.data and (others.data["profile"] is None) != (version is None):
            raise PydanticCustomError("profile_incomplete", "A profile needs its version, and the reverse.")
        return version


class BoundTo(StrEnum):
    """Whose profile an operation uses: its own, or that of its item where it has none."""

    OPERATION = "operation"
    ITEM = "item"


class ProfileInForce(BaseModel):
    """The version of a process profile that an operation is held to. Its parameters are steps of the operation."""

    model_config = ConfigDict(frozen=True)

    profile: UUID = Field(examples=[_PROFILE])
    profile_version: Version
    bound_to: BoundTo
    steps: Steps = Field(description="A step for each parameter, with its limits.")


class OperationProfileBound(OperationEvent):
    """An operation is held to another version of a process profile, or to none of its own any more."""

    fact: ClassVar[str] = "profile-bound"
    sample: ClassVar[Mapping[str, Any]] = {"profile": _PROFILE, "profile_version": 3}
