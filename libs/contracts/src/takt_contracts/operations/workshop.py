"""Workshop entries: what was done at a machine, with which parameters, and how it came out."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, OperationNo, OrderNo, Text, UtcDatetime, Version


class WorkshopResult(StrEnum):
    """How the work came out."""

    OK = "ok"
    REWORK = "rework"
    SCRAP = "scrap"


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
        "note": ("Remark", "Remarks", "Comment", "Bemerkung"),
    },
)
