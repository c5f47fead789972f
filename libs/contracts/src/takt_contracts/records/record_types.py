"""Record types: what kinds of record the plant keeps. They are data: a new one needs no code."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from takt_contracts.event import Event
from takt_contracts.resource import Fields
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Flag, Name, UtcDatetime, Version


class AccessClass(StrEnum):
    """Who reads records of a type. `general` and `quality`: everyone who is signed in. `health`: HEALTH and ADMIN.

    Content of class `health` is in no event; readers fetch it from where `dataref` points, and each read is audited.
    """

    GENERAL = "general"
    QUALITY = "quality"
    HEALTH = "health"


TypeName = Annotated[Code, Field(description="Name of the record type.", examples=["inspection"])]
SchemaVersion = Annotated[int, Field(ge=1, description="Counts the schemas of a type.", examples=[1])]
Creators = Annotated[
    tuple[Role, ...],
    Field(min_length=1, max_length=len(Role), description="Who may create records of it.", examples=[["QUALITY"]]),
]
_SCHEMA = {
    "type": "object",
    "properties": {"result": {"enum": ["pass", "fail"]}},
    "required": ["result"],
    "additionalProperties": False,
}
FieldName = Annotated[
    str, StringConstraints(min_length=1, max_length=60), Field(description="A field of the content, at its top.")
]
BusinessKey = Annotated[
    tuple[FieldName, ...],
    Field(max_length=4, description="Fields that together name one record of the type.", examples=[["inspection_no"]]),
]
Searchable = Annotated[
    tuple[FieldName, ...],
    Field(max_length=20, description="Fields that lists of this type filter by.", examples=[["result"]]),
]
HiddenFields = Annotated[
    dict[FieldName, tuple[Role, ...]],
    Field(max_length=20, description="Fields that only these roles, and ADMIN, see.", examples=[{"cost": ["QUALITY"]}]),
]
RetentionDays = Annotated[
    int, Field(ge=0, le=36_500, description="Days from its creation before a record can be deleted.", examples=[3650])
]
ContentSchema = Annotated[
    dict[str, Any],
    Field(description="JSON Schema 2020-12 of the content of its records.", examples=[_SCHEMA]),
]


class RecordTypeFields(Fields):
    """A record type: what an administrator registers."""

    name: TypeName
    title: Name = Field(examples=["Inspection"])
    content_schema: ContentSchema
    access_class: AccessClass = AccessClass.GENERAL
    creators: Creators
    reason_required: Flag = Field(False, description="Whether an edit or a deletion must say why.")
    business_key: BusinessKey = ()
    searchable: Searchable = ()
    hidden_fields: HiddenFields = Field(default_factory=dict)
    retention_days: RetentionDays = 0


def left_out() -> Any:
    """The default of a patch's field: not validated, and not in `model_fields_set`."""
    return Field(default_factory=lambda: None)


class RecordTypePatch(Fields):
    """A JSON merge patch of the fields; schema and hidden fields are replaced as a whole.

    Name, access class, business key and searchable fields never change.
    """

    name: TypeName = left_out()
    title: Name = left_out()
    content_schema: ContentSchema = left_out()
    access_class: AccessClass = left_out()
    creators: Creators = left_out()
    reason_required: Flag = left_out()
    business_key: BusinessKey = left_out()
    searchable: Searchable = left_out()
    hidden_fields: HiddenFields = left_out()
    retention_days: RetentionDays = left_out()


class RecordType(BaseModel):
    """A record type as everyone reads it. `schema_version` grows with each new schema."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True)

    name: TypeName
    title: Name = Field(examples=["Inspection"])
    content_schema: dict[str, JsonValue] = Field(examples=[_SCHEMA])
    schema_version: SchemaVersion
    access_class: AccessClass
    creators: Creators
    reason_required: Flag
    business_key: BusinessKey = ()
    searchable: Searchable = ()
    hidden_fields: HiddenFields = Field(default_factory=dict)
    retention_days: RetentionDays = 0
    version: Version
    created_at: UtcDatetime
    updated_at: UtcDatetime


class RecordSchema(BaseModel):
    """One schema of a record type. It never changes: versions of records stay readable under theirs."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True)

    record_type: TypeName
    schema_version: SchemaVersion
    content_schema: dict[str, JsonValue] = Field(examples=[_SCHEMA])
    created_at: UtcDatetime


class RecordTypeEvent(Event):
    """What all facts about a record type share. Of each type the newest is kept."""

    service: ClassVar[str] = "records"
    entity: ClassVar[str] = "record-type"
    key: ClassVar[tuple[str, ...]] = ("name",)
    compacted: ClassVar[bool] = True

    state: RecordType


class RecordTypeCreated(RecordTypeEvent):
    """A record type was registered."""

    fact: ClassVar[str] = "created"


class RecordTypeUpdated(RecordTypeEvent):
    """What of a record type may change has changed."""

    fact: ClassVar[str] = "updated"
