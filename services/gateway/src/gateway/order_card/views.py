"""The card as clients read it."""

from typing import Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, Field

from takt_contracts.imports.jobs import ImportState, Totals
from takt_contracts.operations.production import LedgerEntry, Operation, Status
from takt_contracts.scalars import Count, OperationNo, OrderNo, Quantity, UtcDatetime, Version

T = TypeVar("T")


class CardTotals(BaseModel):
    """Sums over the operations of the order, in the units of their items."""

    operations: Count
    statuses: dict[Status, Count]
    qty_desired: Quantity
    qty_processed: Quantity
    qty_good: Quantity
    qty_scrap: Quantity
    qty_rework: Quantity


class Booking(LedgerEntry):
    """A ledger entry, and the operation that it was booked on."""

    operation_no: OperationNo


class CardRow(BaseModel):
    """A row of a workbook and what it did."""

    row: Count = Field(description="Its number in the sheet.", examples=[17])
    operation_no: OperationNo
    version: Version = Field(description="Of the operation after it.")
    fact: str = Field(examples=["created"])


class CardImport(BaseModel):
    """An import whose rows created or changed operations of the order. Null: the import was not heard of yet."""

    id: UUID
    file_name: str | None
    uploaded_by: str | None
    uploaded_at: UtcDatetime | None
    state: ImportState | None
    totals: Totals | None
    rows: list[CardRow]
    link: str = Field(examples=["/api/v1/imports/0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"])


class CardRecord(BaseModel):
    """A record about the order or one of its operations; what it says is read at `link`."""

    id: UUID
    record_type: str = Field(examples=["inspection"])
    title: str = Field(description="What people call its type.", examples=["Inspection"])
    version: Version
    revised_at: UtcDatetime
    link: str = Field(examples=["/api/v1/records/0195570c-3d4e-7f50-8a61-7b8c9d0e1f2a"])


class Section(BaseModel, Generic[T]):
    """`as_of`: all that the log held then is here. `stale`: that is too long ago, or it is not known."""

    as_of: UtcDatetime | None
    stale: bool
    data: list[T]


class Card(BaseModel):
    """Everything that is known of one order."""

    order_no: OrderNo
    totals: CardTotals
    operations: Section[Operation] = Field(description="By number.")
    ledger: Section[Booking] = Field(description="Oldest first.")
    imports: Section[CardImport] = Field(description="Oldest first.")
    records: Section[CardRecord] = Field(description="Newest first.")
