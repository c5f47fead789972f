"""The public half of a resource, declared once: what a client may write, what everyone reads, what is told of it."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cached_property
from typing import Annotated, Any, ClassVar, Generic, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from takt_contracts.event import Event
from takt_contracts.roles import Role
from takt_contracts.scalars import UtcDatetime, Version


class Fields(BaseModel):
    """What a client may write. A name that is not a field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stored(BaseModel):
    """What the owner adds. `archived_at` is set while a resource is archived; its key stays taken."""

    model_config = ConfigDict(extra="ignore", frozen=True, from_attributes=True)

    id: UUID = Field(examples=["0195570a-1b2c-7d3e-8f40-5a6b7c8d9e0f"])
    version: Version
    created_at: UtcDatetime
    updated_at: UtcDatetime
    archived_at: UtcDatetime | None = Field(None, examples=[None])


class Change(StrEnum):
    """What may happen to a resource."""

    CREATED = "created"
    UPDATED = "updated"
    ARCHIVED = "archived"
    RESTORED = "restored"


F = TypeVar("F", bound=Fields)
S = TypeVar("S", bound=Stored)


class ResourceChanged(Event, Generic[S]):
    """A resource was created, updated, archived or restored. Bound to its topic by the `ResourceContract`."""

    facts: ClassVar[tuple[str, ...]] = tuple(change.value for change in Change)
    compacted: ClassVar[bool] = True

    change: Change
    state: S

    @property
    def told(self) -> str:
        return self.change


class Kind(StrEnum):
    """How a field compares in filters and sorts."""

    TEXT = "text"
    CHOICE = "choice"
    DECIMAL = "decimal"
    INTEGER = "integer"
    FLAG = "flag"
    MOMENT = "moment"
    DATE = "date"
    ID = "id"
    LIST = "list"
    """A list of small things with fields of their own. It is shown and written, never compared."""


_KINDS: Mapping[type, Kind] = {
    str: Kind.TEXT,
    Decimal: Kind.DECIMAL,
    bool: Kind.FLAG,
    int: Kind.INTEGER,
    datetime: Kind.MOMENT,
    date: Kind.DATE,
    UUID: Kind.ID,
}


@dataclass(frozen=True)
class ListField:
    """A field that lists can filter and sort by.

    `TypeAdapter(annotation).validate_strings` reads one value of it from a query; None is never part of it.
    """

    name: str
    kind: Kind
    nullable: bool
    annotation: Any


@dataclass(frozen=True, kw_only=True)
class ResourceContract(Generic[F, S]):
    """One resource as clients, events, imports and the gateway know it.

    `key` names the fields of the business key, in the order of the path. `write` is the role that may write it.
    `titles` names columns of a workbook, `synonyms` what else others call them, best first. `opening` are columns that
    a workbook may bring when it creates, and that must equal the present value later. `changed` is absent where a slice
    tells every change by a fact of its own.
    """

    owner: str
    name: str
    plural: str
    fields: type[F]
    state: type[S]
    key: tuple[str, ...]
    write: Role
    titles: Mapping[str, str]
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    opening: type[Fields] | None = None
    changed: type[ResourceChanged[S]] | None = None

    def __post_init__(self) -> None:
        unknown = ({*self.key} | {*self.titles} | {*self.synonyms}) - set(self.columns)
        if unknown or not set(self.key) <= set(self.fields.model_fields) or not self.key:
            raise TypeError(f"{self.plural}: a key is needed, and these are not fields: {sorted(unknown)}")
        if missing := set(self.fields.model_fields) - set(self.state.model_fields):
            raise TypeError(f"{self.plural}: written but never read: {sorted(missing)}")
        if len(set(self.titles.values())) != len(self.titles):
            raise TypeError(f"{self.plural}: two fields share a title")
        if self.changed is not None:
            self.changed.service, self.changed.entity, self.changed.key = self.owner, self.name, self.key

    def title(self, name: str) -> str:
        """Header of the field's column in a workbook."""
        return self.titles.get(name, name.replace("_", " ").capitalize())

    @property
    def columns(self) -> Mapping[str, FieldInfo]:
        """What a workbook may hold of it: what a client may write, and what may be brought along at first."""
        brought = {} if self.opening is None else self.opening.model_fields
        return {**self.fields.model_fields, **brought}

    @cached_property
    def patch(self) -> type[Fields]:
        """A JSON merge patch: every field may be left out, what is left out is not in `model_fields_set`.

        The key is a field here too: the kit compares it and answers `resource.key-immutable` when it differs.
        Rules between fields are not checked by it; the kit validates `fields` after merging.
        """
        optional: dict[str, Any] = {name: _left_out(info) for name, info in self.fields.model_fields.items()}
        return create_model(f"{self.state.__name__}Patch", __base__=Fields, __module__=__name__, **optional)

    @cached_property
    def list_fields(self) -> Mapping[str, ListField]:
        """By name, in the order of the state. Nested objects can be selected but not compared, so are not here."""
        found = (list_field(name, info.rebuild_annotation()) for name, info in self.state.model_fields.items())
        return {one.name: one for one in found if one is not None}


def _left_out(info: FieldInfo) -> tuple[Any, Any]:
    """The field with a default that is never validated and not shown in the schema."""
    return info.rebuild_annotation(), Field(default_factory=lambda: None, description=info.description)


def list_field(name: str, annotation: Any) -> ListField | None:
    """How values of this annotation compare; None for nested objects, which do not."""
    value, nullable = without_none(annotation)
    plain = _bare(value)
    if isinstance(plain, type) and issubclass(plain, Enum):
        return ListField(name, Kind.CHOICE, nullable, value)
    kind = _KINDS.get(plain)
    return None if kind is None else ListField(name, kind, nullable, value)


def entry_of(annotation: Any) -> type[BaseModel] | None:
    """`Entry` of a field `tuple[Entry, ...]`; None for all other fields."""
    plain = _bare(annotation)
    first = get_args(plain)[0] if get_origin(plain) is tuple else None
    return first if isinstance(first, type) and issubclass(first, BaseModel) else None


def without_none(annotation: Any) -> tuple[Any, bool]:
    """`X | None` as (X, True), wherever the Annotated sits."""
    plain, notes = _split(annotation)
    if get_origin(plain) not in (Union, types.UnionType):
        return annotation, False
    options = [option for option in get_args(plain) if option is not type(None)]
    value: Any = Union[tuple(options)]  # noqa: UP007 -- built at run time from a tuple
    return (Annotated[value, *notes] if notes else value), len(options) < len(get_args(plain))


def _bare(annotation: Any) -> Any:
    plain, _ = _split(annotation)
    return _bare(plain) if get_origin(plain) is Annotated else plain


def _split(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(annotation) is not Annotated:
        return annotation, ()
    plain, *notes = get_args(annotation)
    return plain, tuple(notes)
