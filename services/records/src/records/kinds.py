"""Record types and their schemas as tables. Both slices read them, only `record_types` changes them."""

from typing import Any

import orjson
from sqlalchemy import ForeignKey, Integer, String, Text, UniqueConstraint
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

    @property
    def content_schema(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.schema_text)
        return found

    @property
    def creators(self) -> tuple[Role, ...]:
        return tuple(Role(role) for role in orjson.loads(self.creator_roles))


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
