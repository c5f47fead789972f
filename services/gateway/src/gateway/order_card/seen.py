"""How the card reads events about operations: what it sums and sorts by is checked, the rest is shown as it was told.

A workbook of a hundred thousand rows is as many events; to check every field again, which their owner has done, would
take several times as long as to keep them.
"""

from typing import Annotated

from pydantic import BaseModel, StringConstraints

from takt_contracts.event import Event
from takt_contracts.operations.production import LedgerEntry, OperationEvent, Status

Text = Annotated[str, StringConstraints(min_length=1, max_length=40)]
Amount = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$")]


class SeenState(BaseModel):
    """What the card looks at in the state of an operation."""

    order_no: Text
    operation_no: Text
    status: Status
    archived_at: str | None
    qty_desired: Amount
    qty_processed: Amount
    qty_good: Amount
    qty_scrap: Amount
    qty_rework: Amount


class SeenOperation(Event):
    """Any fact about an operation. Some carry an entry of the ledger."""

    state: SeenState
    entry: LedgerEntry | None = None


def seen_as(event: type[Event]) -> type[Event]:
    return SeenOperation if issubclass(event, OperationEvent) else event
