"""Workshop entries: what was done at a machine, with which parameters, and how it came out."""

import re
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, OperationNo, OrderNo, Text, Unit, UtcDatetime, Version

_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?")


class WorkshopResult(StrEnum):
    """How the work came out."""

    OK = "ok"
    REWORK = "rework"
    SCRAP = "scrap"


def _as_text(value: Any) -> Any:
    """A number may be sent as one."""
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return str(value) if is_number else value


ParameterValue = Annotated[
    Name,
    BeforeValidator(_as_text),
    Field(description="A number where there is a unit, else any text.", examples=["182.5"]),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1, "maxLength": 200}, {"type": "number"}]}, "validation"),
]


class ProcessParameter(BaseModel):
    """What a process was run with: a number in its unit, or a text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    value: ParameterValue
    unit: Unit | None = Field(None, description="Unit of the number.", examples=["A"])

    @field_validator("unit")
    @classmethod
    def a_unit_is_of_a_number(cls, unit: str | None, others: ValidationInfo) -> str | None:
        if unit is not None and not _NUMBER.fullmatch(others.data.get("value", "0")):
            raise PydanticCustomError("unit_without_number", "Should be left out where the value is no number.")
        return unit


class Photo(BaseModel):
    """A picture that is kept elsewhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    media: UUID = Field(description="Id of the media or document.")
    caption: Name | None = None


def _each_name_once(parameters: tuple[ProcessParameter, ...]) -> tuple[ProcessParameter, ...]:
    names = [parameter.name for parameter in parameters]
    if len(set(names)) < len(names):
        raise PydanticCustomError("name_twice", "A parameter should stand in it once.")
    return parameters


Parameters = Annotated[
    tuple[ProcessParameter, ...],
    AfterValidator(_each_name_once),
    Field(
        max_length=100,
        description="What the process was run with.",
        examples=[[{"name": "Current", "value": "182.5", "unit": "A"}, {"name": "Gas", "value": "M21"}]],
    ),
]
Photos = Annotated[tuple[Photo, ...], Field(max_length=50, description="Photos, by reference.", examples=[[]])]


class WorkshopEntryFields(Fields):
    """A workshop entry: what a client may write. Its author is who creates it."""

    no: Code = Field(description="Unique number of the entry.", examples=["WE-1001"])
    machine: Code = Field(description="Code of the machine.", examples=["WELD-02"])
    order_no: OrderNo | None = None
    operation_no: OperationNo | None = None
    profile: Annotated[UUID | None, Field(description="Id of the record of the process profile.")] = None
    profile_version: Annotated[Version | None, Field(description="Version of the process profile.")] = None
    result: WorkshopResult = WorkshopResult.OK
    performed_at: Annotated[UtcDatetime | None, Field(description="When the work was done.")] = None
    parameters: Parameters = ()
    photos: Photos = ()
    note: Text | None = None

    @model_validator(mode="after")
    def references_are_whole(self) -> "WorkshopEntryFields":
        if self.operation_no is not None and self.order_no is None:
            raise PydanticCustomError("order_missing", "An operation_no needs its order_no.")
        if (self.profile is None) != (self.profile_version is None):
            raise PydanticCustomError("profile_incomplete", "A profile needs its profile_version, and the reverse.")
        return self


class WorkshopEntry(WorkshopEntryFields, Stored):
    """A workshop entry as everyone reads it."""

    author: str = Field(description="Id of the user, key or service that made the entry.", examples=["operator-07"])


class WorkshopEntryChanged(ResourceChanged[WorkshopEntry]):
    """A workshop entry was created, updated, archived or restored."""


WORKSHOP_ENTRY = ResourceContract(
    owner="operations",
    name="workshop-entry",
    plural="workshop-entries",
    fields=WorkshopEntryFields,
    state=WorkshopEntry,
    changed=WorkshopEntryChanged,
    key=("no",),
    write=Role.OPERATOR,
    titles={
        "no": "Entry",
        "machine": "Machine",
        "order_no": "Order",
        "operation_no": "Operation",
        "profile": "Profile",
        "profile_version": "Profile version",
        "result": "Result",
        "performed_at": "Performed at",
        "parameters": "Parameters",
        "photos": "Photos",
        "note": "Note",
    },
    synonyms={
        "no": ("Entry no", "Entry number", "Workshop entry", "Reference", "Eintrag"),
        "machine": ("Machine code", "Machine no", "Equipment", "Maschine"),
        "order_no": ("Order no", "Work order", "Production order", "WO", "Auftrag"),
        "operation_no": ("Operation no", "Op", "Step", "Vorgang", "Arbeitsgang"),
        "profile": ("Process profile", "Profile id", "Welding procedure", "Prozessprofil"),
        "profile_version": ("Profile revision", "Revision"),
        "result": ("Outcome", "Status", "Ergebnis"),
        "performed_at": ("Time", "Date", "Performed", "Done at", "Zeit", "Datum"),
        "parameters": ("Process parameters", "Settings", "Parameter"),
        "photos": ("Pictures", "Images", "Fotos"),
        "note": ("Remark", "Remarks", "Comment", "Bemerkung"),
    },
)
