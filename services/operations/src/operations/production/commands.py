"""The orders an operation takes on the shop floor: load, ask, return."""

from dataclasses import dataclass
from decimal import Decimal

from operations.production.model import LedgerRow, Operation
from plantkit.db.tx import Tx
from takt_contracts.operations.production import EntryKind, Hold


@dataclass(frozen=True, kw_only=True)
class OnOperation:
    """Which operation an order is for."""

    order_no: str
    operation_no: str


@dataclass(frozen=True, kw_only=True)
class ReportQuantity(OnOperation):
    """Book what came out of an operation: good, scrap with its reason, rework. In the item's unit."""

    good: Decimal
    scrap: Decimal
    rework: Decimal
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class HoldOperation(OnOperation):
    hold: Hold


@dataclass(frozen=True, kw_only=True)
class CancelOperation(OnOperation):
    reason: str


async def _claimed(tx: Tx, at: OnOperation) -> Operation:
    return await tx.claim(Operation, order_no=at.order_no, operation_no=at.operation_no, archived_at=None)


async def start_operation(tx: Tx, cmd: OnOperation) -> Operation:
    operation = await _claimed(tx, cmd)
    operation.start()
    return operation


async def report_quantity(tx: Tx, cmd: ReportQuantity) -> Operation:
    operation = await _claimed(tx, cmd)
    entry = tx.add(
        LedgerRow,
        operation_id=operation.id,
        entry_no=operation.entries + 1,
        kind=EntryKind.REPORT,
        good=cmd.good,
        scrap=cmd.scrap,
        rework=cmd.rework,
        good_total=operation.qty_good + cmd.good,
        scrap_total=operation.qty_scrap + cmd.scrap,
        rework_total=operation.qty_rework + cmd.rework,
        reason=cmd.reason,
        booked_by=tx.principal.id,
    )
    operation.report(entry=entry)
    return operation


async def hold_operation(tx: Tx, cmd: HoldOperation) -> Operation:
    operation = await _claimed(tx, cmd)
    operation.hold_back(cmd.hold)
    return operation


async def resume_operation(tx: Tx, cmd: OnOperation) -> Operation:
    operation = await _claimed(tx, cmd)
    operation.resume()
    return operation


async def finish_operation(tx: Tx, cmd: OnOperation) -> Operation:
    operation = await _claimed(tx, cmd)
    operation.finish()
    return operation


async def cancel_operation(tx: Tx, cmd: CancelOperation) -> Operation:
    operation = await _claimed(tx, cmd)
    operation.cancel(cmd.reason)
    return operation
