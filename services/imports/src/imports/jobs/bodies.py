"""What the paths of imports take and give, beside the import itself."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from plantkit.http.listing import PageInfo
from takt_contracts.imports.jobs import ImportState, RowState, Totals
from takt_contracts.scalars import Code, Count


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnField(Body):
    """Which field a column fills; null: it is not read."""

    column: Annotated[int, Field(strict=True, ge=1, le=16_384, examples=[2])]
    field: Annotated[str, Field(max_length=100, examples=["order_no"])] | None


class MappingBody(Body):
    """The target, and the field of each column; without columns the header decides."""

    target: Code = Field(examples=["operations"])
    columns: tuple[ColumnField, ...] = Field((), max_length=16_384)


class CommitBody(Body):
    """`plan` is the hash of the plan that was looked at: another plan is not committed."""

    plan: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None


class NoBody(Body):
    """Nothing needs to be said."""


class CellError(BaseModel):
    """What is wrong with a row, and where. Column 0 means the row as a whole."""

    row: int = Field(examples=[17])
    column: int = Field(examples=[4])
    letter: str = Field(examples=["D"])
    header: str = Field(examples=["Due"])
    field: str | None = Field(examples=["due"])
    value: str | None = Field(description="As the sheet shows it.", examples=["31.02.2026"])
    expected: str = Field(examples=["a date"])
    code: str = Field(examples=["cell.date"])
    hint: str | None = Field(examples=["Write it as 2026-02-28."])


class RowView(BaseModel):
    """A row of the sheet and what became of it. No state yet: its owner has not answered."""

    row: int = Field(examples=[17])
    state: RowState | None
    version: int | None = Field(description="Of the resource, after this row.", examples=[1])
    values: dict[str, JsonValue] = Field(description="By field; empty where the row is not valid.")
    errors: list[CellError]


class FieldChange(BaseModel):
    """What a field is now and what it would be."""

    field: str = Field(examples=["name"])
    before: JsonValue
    after: JsonValue


class PlanRow(BaseModel):
    """What would happen to a row. `version` is the one that is there now, 0 where there is nothing."""

    row: int = Field(examples=[17])
    state: RowState | None
    version: int | None = Field(examples=[1])
    values: dict[str, JsonValue]
    changes: list[FieldChange]
    errors: list[CellError]


class RowPage(BaseModel):
    data: list[RowView]
    page: PageInfo


class PlanPage(BaseModel):
    """`hash` names this plan; null until it is complete, and where there is nothing to do."""

    data: list[PlanRow]
    page: PageInfo
    hash: str | None
    totals: Totals


class Progress(BaseModel):
    """How far an import is, in rows. `sent` and `answered` count the plan's and the commit's rows."""

    state: ImportState
    read: Count
    validated: Count
    sent: Count
    answered: Count
    totals: Totals
