"""Change sets: several creations, edits and deletions of records that take effect together or not at all."""

from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from takt_contracts.records.records import NewRecord, Reason, RecordPatch, RecordSummary
from takt_contracts.resource import Fields
from takt_contracts.scalars import Version

MOST: Final = 100
_ID: Final = "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a"


class SetEdit(RecordPatch):
    """One edit. `version` is the version that it is based on, as If-Match is elsewhere."""

    id: UUID = Field(examples=[_ID])
    version: Version | None = Field(None, description="Without it the whole set is refused with 428.", examples=[3])


class SetDeletion(Fields):
    """One deletion."""

    id: UUID = Field(examples=[_ID])
    version: Version | None = Field(None, description="Without it the whole set is refused with 428.", examples=[3])
    reason: Reason | None = None


class ChangeSet(Fields):
    """From one change to a hundred. A record is named once."""

    create: tuple[NewRecord, ...] = ()
    revise: tuple[SetEdit, ...] = ()
    delete: tuple[SetDeletion, ...] = ()

    @model_validator(mode="after")
    def counted(self) -> "ChangeSet":
        named = [one.id for one in self.revise] + [one.id for one in self.delete]
        if not 1 <= len(self.create) + len(named) <= MOST:
            raise PydanticCustomError("change_set_size", "Should hold from 1 to {most} changes.", {"most": MOST})
        if len(set(named)) < len(named):
            raise PydanticCustomError("change_set_value", "Should name each record once.")
        return self


class ChangeSetApplied(BaseModel):
    """What each change made, in the order of the set. Of a deletion: the last version."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    created: tuple[RecordSummary, ...]
    revised: tuple[RecordSummary, ...]
    deleted: tuple[RecordSummary, ...]
