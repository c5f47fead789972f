"""Files that arrived: from the gateway, or from any other system that can write to the inbox and to the log."""

from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from takt_contracts.event import Event
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Count, Name, UtcDatetime

INBOX = "inbox/"
"""Prefix of the object keys that may be imported."""

Sha256 = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]),
]


class Mode(StrEnum):
    """`plan` stops when it is known what would happen; `commit` goes on by itself."""

    PLAN = "plan"
    COMMIT = "commit"


class OnDuplicate(StrEnum):
    """What happens to a row whose key is in the plant already."""

    UPDATE = "update"
    SKIP = "skip"
    REFUSE = "refuse"


class UploadedFile(BaseModel):
    """A file in the inbox, and what is to be done with it. `id` becomes the id of the import."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: UUID = Field(examples=["0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"])
    file_name: Name = Field(examples=["orders 2026-03-02.xlsx"])
    content_type: str = Field("application/octet-stream", max_length=200)
    dataref: str = Field(max_length=500, description="Object key below inbox/.", examples=["inbox/2026-03-02/0195571f"])
    bytes: Count = Field(examples=[48213])
    sha256: Sha256
    template: Code | None = Field(None, description="Id of a template.", examples=["operations"])
    target: Code | None = Field(None, description="Plural of a resource, where no template is named.")
    mode: Mode = Mode.COMMIT
    atomic: bool = Field(False, description="All rows or none.")
    on_duplicate: OnDuplicate = OnDuplicate.UPDATE
    uploaded_by: str = Field(max_length=200, description="Id of the user, key or service.", examples=["planner-1"])
    roles: tuple[Role, ...] = Field((), description="What the uploader may do.", examples=[["PLANNER"]])
    uploaded_at: UtcDatetime


class FileUploaded(Event):
    """A file lies in the inbox and waits to be imported."""

    service: ClassVar[str] = "inbound"
    entity: ClassVar[str] = "file"
    key: ClassVar[tuple[str, ...]] = ("id",)
    fact: ClassVar[str] = "uploaded"
    internal: ClassVar[bool] = True

    state: UploadedFile

    @classmethod
    def type_of(cls, fact: str) -> str:
        """Inbound types carry no service: whoever tells them is in the source."""
        return f"takt.{cls.entity}.{fact}.v1"

    @property
    def dataref(self) -> str:
        return self.state.dataref
