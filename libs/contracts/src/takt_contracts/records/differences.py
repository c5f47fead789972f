"""What differs between two versions of a record."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from takt_contracts.scalars import Version


class Difference(StrEnum):
    """How a place differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class FieldChange(BaseModel):
    """One place. `before` is null where it was added, `after` where it was removed."""

    pointer: str = Field(description="Place, as a JSON pointer (RFC 6901).", examples=["/content/result"])
    change: Difference
    before: Any = Field(None, examples=["pass"])
    after: Any = Field(None, examples=["fail"])


class RecordDiff(BaseModel):
    """The places that differ, in order: of what the record is about, of the content, of its lifecycle."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    older: Version = Field(alias="from")
    newer: Version = Field(alias="to")
    changes: list[FieldChange]
