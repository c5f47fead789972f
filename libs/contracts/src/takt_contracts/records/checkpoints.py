"""Checkpoints of the audit chains: signed roots, published so that nobody can change what lies before them unseen."""

import hashlib
from typing import Annotated, ClassVar, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from takt_contracts.event import Event
from takt_contracts.records.canonical import canonical
from takt_contracts.scalars import UtcDatetime, Version

_DOMAIN: Final = b"takt.records.checkpoint.v1\n"
_HASH: Final = "4d" * 32
Hash = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$"), Field(examples=[_HASH])]
Signature = Annotated[str, StringConstraints(pattern="^[0-9a-f]{128}$"), Field(examples=["5e" * 64])]


class Checkpoint(BaseModel):
    """The root over the first `size` entries of one stream (RFC 9162), signed with Ed25519.

    Signed is the line `takt.records.checkpoint.v1` and, below it, all members but the signature as canonical JSON (RFC
    8785). `previous` is the sha256 of what the checkpoint before signed; the first has zeros.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    source: str = Field(description="Who signed: the plant's records.", examples=["/plants/demo/records"])
    stream: str = Field(description="Service whose entries it covers, or `versions`.", examples=["operations"])
    number: Version = Field(description="Counts the checkpoints of a stream.")
    size: int = Field(ge=1, description="How many entries it covers.", examples=[1000])
    root: Hash
    previous: Hash
    at: UtcDatetime
    key_id: str = Field(examples=["9c" * 16])
    signature: Signature

    @property
    def statement(self) -> bytes:
        """What is signed."""
        return _DOMAIN + canonical(self.model_dump(mode="json", exclude={"signature"})).encode()

    @property
    def digest(self) -> str:
        """What the next one names."""
        return hashlib.sha256(self.statement).hexdigest()


class CheckpointSigned(Event):
    """A stream of the audit chain was signed up to an entry. The version is the checkpoint's number.

    Internal, for it follows whatever happens: on a screen it would be noise. Auditors read the topic.
    """

    service: ClassVar[str] = "records"
    entity: ClassVar[str] = "checkpoint"
    key: ClassVar[tuple[str, ...]] = ("stream",)
    fact: ClassVar[str] = "signed"
    partitions: ClassVar[int] = 1
    internal: ClassVar[bool] = True

    state: Checkpoint


class ChainedEntry(BaseModel):
    """One audit entry in its chain. `entry` is as its service told it."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True)

    id: UUID = Field(description="Of the event that brought it.")
    stream: str = Field(examples=["operations"])
    seq: int = Field(ge=1, examples=[17])
    at: UtcDatetime
    actor: str | None = Field(examples=["operator-07"])
    action: str = Field(examples=["operations.operation.reported"])
    outcome: str = Field(examples=["changed"])
    resource: str | None = Field(examples=["operation"])
    subject: str | None = Field(examples=["WO-1001/0010"])
    version: Version | None
    request_id: str | None
    created_at: UtcDatetime = Field(description="When it was chained.")
    hash: Hash
    entry: dict[str, JsonValue] = Field(examples=[{"action": "operations.operation.reported"}])


class Proven(BaseModel):
    """An entry and the way from it to the root of a checkpoint; null where the next one (<= 1 min) will cover it."""

    stream: str = Field(examples=["versions"])
    seq: int = Field(ge=1, examples=[1])
    link: str = Field(description="What was hashed, byte for byte.", examples=["{}"])
    hash: Hash
    path: list[Hash] | None = Field(description="What stands beside the way up, lowest first.")


class RecordProof(BaseModel):
    """Every version of a record as it stands in the chain, and the audit entries of the commands that wrote it."""

    record: UUID
    versions: list[Proven]
    entries: list[Proven]
    checkpoints: list[Checkpoint]
