"""An import: one file on its way from the inbox to the plant's log."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from takt_contracts.event import Event
from takt_contracts.imports.files import Mode, OnDuplicate, Sha256
from takt_contracts.resource import Stored
from takt_contracts.scalars import Count, Name, UtcDatetime


class ImportState(StrEnum):
    """In this order; failed, cancelled and done end it, undone comes after done."""

    UPLOADED = "uploaded"
    PARSED = "parsed"
    MAPPED = "mapped"
    VALIDATED = "validated"
    PLANNED = "planned"
    COMMITTING = "committing"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNDONE = "undone"


class RowState(StrEnum):
    """What became of a row."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    STALE = "stale"
    UNDONE = "undone"
    CONFLICT = "conflict"


class Reason(BaseModel):
    """Why an import failed."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    code: str = Field(examples=["file.not-a-workbook"])
    detail: str = Field(examples=["The file is neither XLSX nor CSV."])


class Totals(BaseModel):
    """How many rows the file has and what became of them; once the import has ended the others sum to `rows`."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    rows: Count = Field(0, examples=[2000])
    created: Count = Field(0, examples=[1990])
    updated: Count = 0
    unchanged: Count = 0
    rejected: Count = Field(0, examples=[10])
    stale: Count = 0
    undone: Count = 0
    conflict: Count = 0


class MappedColumn(BaseModel):
    """A column of the sheet and the field it fills; several columns of one header are several entries."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    column: Count = Field(description="Number of the column, from 1.", examples=[2])
    letter: str = Field(examples=["B"])
    header: str = Field(examples=["Order no"])
    field: str | None = Field(None, description="None: the column is not read.", examples=["order_no"])
    by: str | None = Field(None, description="title, field, synonym, guess, person", examples=["synonym"])


class Suggestion(BaseModel):
    """A target that the header would fit, from 0 to 1."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    target: str = Field(examples=["operations"])
    score: float = Field(examples=[0.87])
    columns: tuple[MappedColumn, ...] = ()


class Import(Stored):
    """An import as everyone reads it."""

    file_name: Name = Field(examples=["orders 2026-03-02.xlsx"])
    bytes: Count = Field(examples=[48213])
    sha256: Sha256
    template: str | None = Field(None, examples=["operations"])
    target: str | None = Field(None, examples=["operations"])
    mode: Mode = Mode.COMMIT
    atomic: bool = False
    on_duplicate: OnDuplicate = OnDuplicate.UPDATE
    uploaded_by: str = Field(examples=["planner-1"])
    uploaded_at: UtcDatetime
    state: ImportState = Field(examples=["done"])
    reason: Reason | None = Field(None, examples=[None])
    totals: Totals = Field(Totals(), examples=[{"rows": 2000, "created": 1990, "rejected": 10}])
    sheet: str | None = Field(None, examples=["Orders"])
    header_row: Count | None = Field(None, description="Row of the header, from 1.", examples=[4])
    mapping: tuple[MappedColumn, ...] = Field((), examples=[[]])
    suggestions: tuple[Suggestion, ...] = Field((), examples=[[]])
    warnings: tuple[Reason, ...] = Field((), examples=[[]])


class ImportMoved(Event):
    """An import reached its next state. `state.state` says which; work that is sent out is told as `started`."""

    service: ClassVar[str] = "imports"
    entity: ClassVar[str] = "import"
    key: ClassVar[tuple[str, ...]] = ("id",)
    facts: ClassVar[tuple[str, ...]] = (
        "uploaded", "parsed", "mapped", "validated", "planned", "started", "done", "failed", "cancelled", "undone",
    )  # fmt: skip
    state: Import

    @classmethod
    def sample_of(cls, fact: str) -> Mapping[str, Any]:
        return {"state": ImportState.COMMITTING if fact == "started" else fact}

    @property
    def told(self) -> str:
        return "started" if self.state.state is ImportState.COMMITTING else self.state.state
