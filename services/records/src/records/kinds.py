"""Record types and their schemas as tables. Both slices read them, only `record_types` changes them."""

from typing import Any

import orjson
from sqlalchemy import ForeignKey, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from records.db import Aggregate, Row
from takt_contracts.roles import Role


class RecordTypeRow(Aggregate):
    """A kind of record, with its newest schema. The schema is kept as canonical JSON."""

    __tablename__ = "record_types"
    __table_args__ = (UniqueConstraint("name"), {"comment": "Kinds of record, each with its newest schema"})

    name: Mapped[str] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    schema_text: Mapped[str] = mapped_column(Text, comment="JSON Schema 2020-12 in canonical form")
    schema_version: Mapped[int] = mapped_column(Integer, comment="counts the schemas of the type")
    access_class: Mapped[str] = mapped_column(String(20))
    creator_roles: Mapped[str] = mapped_column(JSONB, comment="who may create records of it")
    reason_required: Mapped[bool]
    key_fields: Mapped[str] = mapped_column(JSONB, server_default=text("'[]'"), comment="fields of the business key")
    searched_fields: Mapped[str] = mapped_column(JSONB, server_default=text("'[]'"), comment="what lists filter by")
    seen_by: Mapped[str] = mapped_column(JSONB, server_default=text("'{}'"), comment="roles that see a hidden field")
    retention_days: Mapped[int] = mapped_column(Integer, server_default=text("0"), comment="shortest keeping time")

    @property
    def content_schema(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.schema_text)
        return found

    @property
    def creators(self) -> tuple[Role, ...]:
        return tuple(Role(role) for role in orjson.loads(self.creator_roles))

    @property
    def business_key(self) -> tuple[str, ...]:
        return tuple(orjson.loads(self.key_fields))

    @property
    def searchable(self) -> tuple[str, ...]:
        return tuple(orjson.loads(self.searched_fields))

    @property
    def hidden_fields(self) -> dict[str, tuple[Role, ...]]:
        return {name: tuple(map(Role, roles)) for name, roles in orjson.loads(self.seen_by).items()}

    @property
    def hides(self) -> frozenset[str]:
        """The fields that the log never tells."""
        return frozenset(self.hidden_fields)


class RecordSchemaRow(Row):
    """One schema that a type has or had: never changed, never deleted (the service's role may not)."""

    __tablename__ = "record_schemas"
    __table_args__ = (
        UniqueConstraint("record_type", "schema_version"),
        {"comment": "Every schema of every type, so that old versions stay readable; append-only"},
    )

    record_type: Mapped[str] = mapped_column(String(40), ForeignKey("records.record_types.name"))
    schema_version: Mapped[int] = mapped_column(Integer)
    schema_text: Mapped[str] = mapped_column(Text)

    @property
    def content_schema(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.schema_text)
        return found
