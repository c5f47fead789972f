"""Who read what is not for everyone to read.

A read is no command, so it is no `AuditEntry`, whose outcomes are published and cannot grow.
"""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from takt_contracts.audit import Actor
from takt_contracts.event import Event
from takt_contracts.scalars import UtcDatetime, Version


class ReadEntry(BaseModel):
    """One answer that showed a record of class `health`, a page of a list that did, or rows of a workbook that become
    such; told before it was sent.
    """

    model_config = ConfigDict(frozen=True)

    id: UUID = Field(examples=["01955720-2a3b-7c4d-9e5f-60718293a4b5"])
    at: UtcDatetime
    actor: Actor
    action: str = Field(examples=["records.record.read"])
    outcome: Literal["read"] = "read"
    resource: str = Field(examples=["record"])
    subject: str | None = Field(None, description="Its id, where it is one record.")
    subjects: tuple[str, ...] = Field((), description="Their ids, where a list was shown.")
    version: Version | None = Field(None, description="The version that was shown, where it is one.", examples=[3])
    request_id: str | None = None
    trace_id: str | None = None


class ReadRecorded(Event):
    """What the audit events about reads share."""

    entity: ClassVar[str] = "audit"
    key: ClassVar[tuple[str, ...]] = ("id",)
    fact: ClassVar[str] = "read"
    partitions: ClassVar[int] = 1

    state: ReadEntry


class RecordsRead(ReadRecorded):
    """Records of class `health` were shown to somebody who may see them."""

    service: ClassVar[str] = "records"


class ImportsRead(ReadRecorded):
    """Rows that become records of class `health` were shown to somebody who may see them."""

    service: ClassVar[str] = "imports"
