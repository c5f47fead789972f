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
    """One answer that showed a record of class `health`, or a page of a list that did; told before it was sent."""

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


class RecordsRead(Event):
    """Records of class `health` were shown to somebody who may see them."""

    service: ClassVar[str] = "records"
    entity: ClassVar[str] = "audit"
    key: ClassVar[tuple[str, ...]] = ("id",)
    fact: ClassVar[str] = "read"
    partitions: ClassVar[int] = 1

    state: ReadEntry
