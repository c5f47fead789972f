"""The audit trail: who did what, and who was refused. Each service tells its own; records chains them."""

from enum import StrEnum
from typing import ClassVar, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from takt_contracts.event import Event
from takt_contracts.scalars import UtcDatetime, Version


class Outcome(StrEnum):
    """A change is told in the transaction that made it, a refusal in one of its own or with the answer that has it."""

    CHANGED = "changed"
    REFUSED = "refused"


class Actor(BaseModel):
    """Who asked. Anonymous ones have no id."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["user", "api_key", "service", "system", "anonymous"]
    id: str | None = Field(None, examples=["operator-07"])


class AuditEntry(BaseModel):
    """One command and what became of it. `version` is that of the subject after a change."""

    model_config = ConfigDict(frozen=True)

    id: UUID = Field(examples=["01955720-2a3b-7c4d-9e5f-60718293a4b5"])
    at: UtcDatetime
    actor: Actor
    action: str = Field(
        description="The first fact of a change; method and path of what was refused.",
        examples=["operations.operation.reported"],
    )
    outcome: Outcome
    code: str | None = Field(None, description="Code of the refusal.")
    resource: str | None = Field(None, examples=["operations"])
    subject: str | None = Field(None, description="Business key, where it is one thing.", examples=["WO-1001/0010"])
    version: Version | None = Field(None, examples=[3])
    request_id: str | None = None
    trace_id: str | None = None
    changes: dict[str, JsonValue] = Field(default_factory=dict, description="What fields became, by their names.")


class AuditRecorded(Event):
    """What the audit events of all services share. One partition, so that a service's entries have one order."""

    entity: ClassVar[str] = "audit"
    key: ClassVar[tuple[str, ...]] = ("id",)
    fact: ClassVar[str] = "recorded"
    partitions: ClassVar[int] = 1

    state: AuditEntry


class OperationsAuditRecorded(AuditRecorded):
    """A command to operations was carried out or refused."""

    service: ClassVar[str] = "operations"


class RecordsAuditRecorded(AuditRecorded):
    """A command to records was carried out or refused."""

    service: ClassVar[str] = "records"


class ImportsAuditRecorded(AuditRecorded):
    """A command to imports was carried out or refused."""

    service: ClassVar[str] = "imports"


class GatewayAuditRecorded(AuditRecorded):
    """A command to the gateway itself was carried out or refused."""

    service: ClassVar[str] = "gateway"


AUDIT_RECORDED: Final = {
    event.service: event
    for event in (OperationsAuditRecorded, RecordsAuditRecorded, ImportsAuditRecorded, GatewayAuditRecorded)
}
