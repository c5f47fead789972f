"""A record as it is now, and its versions, which nobody can change."""

from datetime import datetime
from typing import Any, Final, Self
from uuid import UUID

import orjson
from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from plantkit.auth.principal import Principal
from plantkit.errors import NotFound
from records.access import may_read
from records.db import Aggregate, Row
from records.versions.errors import KEY_TAKEN, Deleted, Hidden, KeyTaken
from takt_contracts.event import Event
from takt_contracts.records.records import RecordCreated, RecordDeleted, RecordRevised, VersionKind

_FACTS: dict[VersionKind, type[Event]] = {
    VersionKind.CREATED: RecordCreated,
    VersionKind.REVISED: RecordRevised,
    VersionKind.DELETED: RecordDeleted,
}

_LIFECYCLE: Final = "draft, final or entered-in-error"
_KEY: Final = "sha256 of the values of the key; null when deleted"


class Held:
    """What a record and each of its versions hold."""

    refers_to: Any
    canonical: Any
    lifecycle: Any

    @property
    def about(self) -> tuple[str, ...]:
        return tuple(orjson.loads(self.refers_to))

    @property
    def content(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = None if self.canonical is None else orjson.loads(self.canonical)
        return found

    @property
    def document(self) -> dict[str, Any]:
        """What an edit may change, as JSON."""
        return {"content": self.content, "about": list(self.about), "lifecycle": str(self.lifecycle)}

    @property
    def hides(self) -> frozenset[str]:
        """Fields of the content that may not be shown, or told, now."""
        found: frozenset[str] = self.__dict__.get("_hides", frozenset())
        return found

    def hide(self, names: frozenset[str]) -> Self:
        self.__dict__["_hides"] = names
        return self


class RecordRow(Held, Aggregate):
    """The newest version of a record. The database refuses one that is not among the versions.

    `canonical` is the content in canonical form; null when deleted. The access class is that of the type, which never
    changes it.
    """

    __tablename__ = "records"
    __table_args__ = (
        UniqueConstraint("record_type", "business_key", info={"error": KeyTaken, "detail": KEY_TAKEN}),
        Index(None, "searched", postgresql_using="gin", postgresql_ops={"searched": "jsonb_path_ops"}),
        Index(None, "record_type", "id"),
        Index(None, "created_by", "id"),
        Index(None, "refers_to", postgresql_using="gin", postgresql_ops={"refers_to": "jsonb_path_ops"}),
        {"comment": "The newest version of each record"},
    )
    untold = frozenset({"business_key", "canonical", "reason", "refers_to", "salt", "searched"})

    record_type: Mapped[str] = mapped_column(String(40), ForeignKey("records.record_types.name"))
    access_class: Mapped[str] = mapped_column(String(20))
    schema_version: Mapped[int] = mapped_column(Integer)
    refers_to: Mapped[str] = mapped_column(JSONB, comment="what it is about, as paths below /api/v1")
    lifecycle: Mapped[str] = mapped_column(String(20), server_default=text("'final'"), comment=_LIFECYCLE)
    business_key: Mapped[str | None] = mapped_column(String(64), comment=_KEY)
    searched: Mapped[str] = mapped_column(JSONB, server_default=text("'{}'"), comment="values that lists filter by")
    canonical: Mapped[str | None] = mapped_column(Text, comment="the content in canonical form (RFC 8785)")
    reason: Mapped[str | None] = mapped_column(String(2000))
    digest: Mapped[str] = mapped_column(String(64), comment="sha256 of salt and content, in hex")
    salt: Mapped[str] = mapped_column(String(32))
    created_by: Mapped[str] = mapped_column(String(200))
    updated_by: Mapped[str] = mapped_column(String(200))
    deleted_at: Mapped[datetime | None]

    def write(self, kind: VersionKind) -> dict[str, Any]:
        """Tell the version that was filled in; answers what is kept of it for ever."""
        self.record(_FACTS[kind])
        return {
            "record_id": self.id,
            "version": self.version,
            "kind": kind,
            "schema_version": self.schema_version,
            "refers_to": self.refers_to,
            "lifecycle": self.lifecycle,
            "canonical": self.canonical,
            "reason": self.reason,
            "digest": self.digest,
            "salt": self.salt,
            "written_by": self.updated_by,
        }


class VersionRow(Held, Row):
    """One version of a record: never changed, never deleted (the service's role may not)."""

    __tablename__ = "record_versions"
    __table_args__ = (
        UniqueConstraint("record_id", "version"),
        {"comment": "Every version of every record; append-only"},
    )

    record_id: Mapped[UUID] = mapped_column(ForeignKey("records.records.id"))
    version: Mapped[int] = mapped_column(BigInteger, comment="counts the versions of a record from 1 without gaps")
    kind: Mapped[str] = mapped_column(String(20), comment="created, revised or deleted")
    schema_version: Mapped[int] = mapped_column(Integer)
    refers_to: Mapped[str] = mapped_column(JSONB)
    lifecycle: Mapped[str] = mapped_column(String(20), server_default=text("'final'"), comment=_LIFECYCLE)
    canonical: Mapped[str | None] = mapped_column(Text, comment="null in a deletion")
    reason: Mapped[str | None] = mapped_column(String(2000))
    digest: Mapped[str] = mapped_column(String(64))
    salt: Mapped[str] = mapped_column(String(32))
    written_by: Mapped[str] = mapped_column(String(200))

    @property
    def written_at(self) -> datetime:
        return self.created_at


def seen(found: RecordRow | None, key: object, principal: Principal) -> RecordRow:
    """A record that this caller may read. Both refusals look alike, so that nobody learns of a record by asking."""
    if found is None:
        raise NotFound("record", key)
    if not may_read(principal, found.access_class):
        raise Hidden("record", key)
    return found


def present(found: RecordRow) -> RecordRow:
    """Raises Deleted."""
    if found.deleted_at is not None:
        raise Deleted("The record was deleted.", history=f"/api/v1/records/{found.id}/history")
    return found
