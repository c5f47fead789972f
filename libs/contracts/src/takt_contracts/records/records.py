"""Records: what the plant can prove. Each edit is a new version that never changes."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Final
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from takt_contracts.event import Event
from takt_contracts.records.record_types import AccessClass, SchemaVersion, TypeName, left_out
from takt_contracts.resource import Fields
from takt_contracts.scalars import NOT_IN_CODE, Text, UtcDatetime, Version

PATH: Final = "/api/v1/records"
MOST_ABOUT: Final = 20
_ID = "0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a"
_CONTENT = {"result": "pass", "diameter_mm": 40.01}
_KEY = rf"[^\s.{NOT_IN_CODE}]([^{NOT_IN_CODE}]{{0,38}}[^\s{NOT_IN_CODE}])?"
_REFERENCE = rf"^[a-z][a-z-]{{0,39}}(/{_KEY}){{1,2}}$"


_READ: Final = ConfigDict(extra="ignore", frozen=True, from_attributes=True, hide_input_in_errors=True)
"""An error that is logged must not repeat the content it is about."""


def _different(about: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(about)) < len(about):
        raise PydanticCustomError("about_value", "Should name each thing once.")
    return about


Reference = Annotated[
    str,
    StringConstraints(max_length=125, pattern=_REFERENCE),
    Field(description="Plural and key of a thing, as in its path.", examples=["operations/WO-1001/0010"]),
]
About = Annotated[
    tuple[Reference, ...],
    Field(max_length=MOST_ABOUT, description="What the record is about.", examples=[["orders/WO-1001"]]),
    AfterValidator(_different),
]
Content = Annotated[dict[str, Any], Field(description="As the schema of its type says.", examples=[_CONTENT])]
Reason = Annotated[Text, Field(description="Why it was written.", examples=["measured again"])]
Digest = Annotated[
    str,
    StringConstraints(pattern="^[0-9a-f]{64}$"),
    Field(description="sha256 over salt and canonical content (RFC 8785), in hex.", examples=["5f" * 32]),
]
Salt = Annotated[
    str,
    StringConstraints(pattern="^[0-9a-f]{32}$"),
    Field(description="Random, so that the digest tells nothing of the content.", examples=["a0" * 16]),
]
Hidden = Annotated[
    tuple[str, ...],
    Field(description="Fields of the content that are left out here, and the salt with them.", examples=[["remarks"]]),
]
Writer = Annotated[str, Field(description="Id of the user, key or service.", examples=["quality-02"])]


class VersionKind(StrEnum):
    """What a version is. Nothing follows a deletion."""

    CREATED = "created"
    REVISED = "revised"
    DELETED = "deleted"


class Lifecycle(StrEnum):
    """How far a version may be relied upon."""

    DRAFT = "draft"
    FINAL = "final"
    ENTERED_IN_ERROR = "entered-in-error"


LIFECYCLE: Final[Mapping[Lifecycle | None, frozenset[Lifecycle]]] = {
    None: frozenset({Lifecycle.DRAFT, Lifecycle.FINAL}),
    Lifecycle.DRAFT: frozenset(Lifecycle),
    Lifecycle.FINAL: frozenset({Lifecycle.FINAL, Lifecycle.ENTERED_IN_ERROR}),
    Lifecycle.ENTERED_IN_ERROR: frozenset(),
}
"""What may follow what; None is before the first version. A deletion may follow each and changes none."""
State = Annotated[
    Lifecycle,
    Field(description="draft becomes final or entered-in-error, final stays or becomes entered-in-error: that stays."),
]


class NewRecord(Fields):
    """A record to be kept. `content` obeys the schema of its type."""

    record_type: TypeName
    lifecycle: State = Lifecycle.FINAL
    about: About = ()
    content: Content
    reason: Reason | None = None


class Revision(Fields):
    """The next version, whole. Only the lifecycle stays where it is left out."""

    lifecycle: State = left_out()
    about: About = ()
    content: Content
    reason: Reason | None = None


class RecordPatch(Fields):
    """What changes in the next version. `content` is a JSON merge patch (RFC 7396); what is left out stays."""

    lifecycle: State = left_out()
    about: About = left_out()
    content: Content = left_out()
    reason: Reason | None = None


def _nothing(value: object) -> bool:
    return value is None


class Shown(BaseModel):
    """What shows content: without the fields that are hidden, and then without the salt, by which few values could be
    tried until the digest fits.
    """

    model_config = _READ

    hidden: Hidden | None = Field(None, exclude_if=_nothing)

    @model_validator(mode="before")
    @classmethod
    def leave_out(cls, stored: Any) -> Any:
        hides = getattr(stored, "hides", None)
        if not hides:
            return stored
        values = {name: getattr(stored, name) for name in cls.model_fields if hasattr(stored, name)}
        content = stored.content
        kept = content and {name: value for name, value in content.items() if name not in hides}
        return {**values, "content": kept, "salt": None, "hidden": sorted(hides)}


class RecordSummary(BaseModel):
    """A record in a list. Its content is read one by one."""

    model_config = _READ

    id: UUID = Field(examples=[_ID])
    record_type: TypeName
    access_class: AccessClass
    lifecycle: State
    schema_version: SchemaVersion
    version: Version
    about: About
    digest: Digest
    created_by: Writer
    created_at: UtcDatetime
    updated_by: Writer
    updated_at: UtcDatetime


class Record(Shown, RecordSummary):
    """A record as it is now, for who may read it. `updated_by` wrote this version."""

    content: Content
    reason: Reason | None
    salt: Salt | None


class RecordVersion(Shown):
    """One version of a record. Of a deletion the content is null."""

    version: Version
    kind: VersionKind
    lifecycle: State
    schema_version: SchemaVersion
    about: About
    content: Content | None
    reason: Reason | None
    digest: Digest
    salt: Salt | None
    written_by: Writer
    written_at: UtcDatetime


class ReferencedRecord(BaseModel):
    """A record that another is about. Null where there was none yet, or for who may not read it."""

    model_config = _READ

    reference: Reference
    record: RecordVersion | None


class RecordAsOf(Record):
    """A record as it was at a moment, with the records that it was about as they were then."""

    references: tuple[ReferencedRecord, ...]


class RecordState(Shown):
    """A record in the log. Of class `health` only the first five are there, whoever makes one and of whatever."""

    id: UUID = Field(examples=[_ID])
    record_type: TypeName
    access_class: AccessClass
    version: Version
    digest: Digest
    schema_version: SchemaVersion | None = Field(None, exclude_if=_nothing, examples=[1])
    lifecycle: State | None = Field(None, exclude_if=_nothing)
    about: About | None = Field(None, exclude_if=_nothing)
    content: dict[str, JsonValue] | None = Field(None, exclude_if=_nothing, examples=[_CONTENT])
    reason: Reason | None = Field(None, exclude_if=_nothing)
    salt: Salt | None = Field(None, exclude_if=_nothing)
    created_by: Writer | None = Field(None, exclude_if=_nothing)
    created_at: UtcDatetime | None = Field(None, exclude_if=_nothing)
    updated_by: Writer | None = Field(None, exclude_if=_nothing)
    updated_at: UtcDatetime | None = Field(None, exclude_if=_nothing)

    @model_validator(mode="before")
    @classmethod
    def health_stays_home(cls, stored: Any) -> Any:
        """Content of class `health` leaves its owner over HTTP only, so an event cannot even be made of it."""
        get = stored.get if isinstance(stored, dict) else lambda name: getattr(stored, name)
        if get("access_class") != AccessClass.HEALTH:
            return stored
        return {name: get(name) for name in PUBLIC}


PUBLIC: Final = ("id", "record_type", "access_class", "version", "digest")
"""What the log tells of a record of class `health`."""


class RecordEvent(Event):
    """What all facts about a record share, whatever its type."""

    service: ClassVar[str] = "records"
    entity: ClassVar[str] = "record"
    key: ClassVar[tuple[str, ...]] = ("id",)

    state: RecordState

    @property
    def dataref(self) -> str | None:
        """The path of this version, where the event does not carry the content."""
        if self.state.access_class is not AccessClass.HEALTH and not self.state.hidden:
            return None
        return f"{PATH}/{self.state.id}/history/{self.state.version}"


class RecordCreated(RecordEvent):
    """A record was made: its version 1."""

    fact: ClassVar[str] = "created"


class RecordRevised(RecordEvent):
    """A record has a new version."""

    fact: ClassVar[str] = "revised"
    sample: ClassVar[Mapping[str, Any]] = {"content": {"result": "fail"}}


class RecordDeleted(RecordEvent):
    """A record was deleted: a version without content. Its history stays readable."""

    fact: ClassVar[str] = "deleted"
    sample: ClassVar[Mapping[str, Any]] = {"content": None}
