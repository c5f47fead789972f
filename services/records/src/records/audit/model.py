"""The chains and their checkpoints. The service's own role may neither change nor delete a row."""

import json
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from sqlalchemy import BigInteger, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from records.db import Row
from takt_contracts.records.checkpoints import Checkpoint


class EntryRow(Row):
    """One entry in its place. `link` is what was hashed; every other column follows from it."""

    __tablename__ = "audit_chain"
    __table_args__ = (
        UniqueConstraint("stream", "seq"),
        Index(None, "subject", "resource"),
        Index(None, "request_id"),
        {"comment": "The audit entries of every service, one chain each; append-only"},
    )

    stream: Mapped[str] = mapped_column(String(40), comment="the service that told it; versions: what records holds")
    seq: Mapped[int] = mapped_column(BigInteger, comment="counts the entries of a stream from 1 without gaps")
    link: Mapped[str] = mapped_column(Text, comment="the entry with its place, canonical (RFC 8785)")
    hashes: Mapped[str] = mapped_column(Text, comment="of the link as leaf, and of the subtrees that it completes")
    at: Mapped[datetime]
    actor: Mapped[str | None] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(String(20))
    resource: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str | None] = mapped_column(Text)
    version: Mapped[int | None] = mapped_column(BigInteger)
    request_id: Mapped[str | None] = mapped_column(Text)

    @property
    def entry(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.link)["entry"]
        return found

    @property
    def hash(self) -> str:
        return self.hashes.partition(" ")[0]


class CheckpointRow(Row):
    """A signed checkpoint as it was told."""

    __tablename__ = "audit_checkpoints"
    __table_args__ = (
        UniqueConstraint("stream", "number"),
        {"comment": "Signed roots of the chains, as published; append-only"},
    )

    source: Mapped[str] = mapped_column(Text)
    stream: Mapped[str] = mapped_column(String(40))
    number: Mapped[int] = mapped_column(BigInteger, comment="counts the checkpoints of a stream from 1 without gaps")
    size: Mapped[int] = mapped_column(BigInteger, comment="how many entries it covers")
    root: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64), comment="digest of the checkpoint before")
    key_id: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(128))


def stored(checkpoint: Checkpoint) -> dict[str, Any]:
    """The row of a checkpoint: nothing in it but what the checkpoint says."""
    said = checkpoint.model_dump(exclude={"at"})
    return {**said, "id": id_of(checkpoint), "created_at": checkpoint.at}


def checkpoint_of(row: Any) -> Checkpoint:
    return Checkpoint.model_validate({**row, "at": row["created_at"]})


def id_of(checkpoint: Checkpoint) -> UUID:
    return uuid5(NAMESPACE_OID, f"{checkpoint.source}/{checkpoint.stream}/{checkpoint.number}")
