"""The orders an operation takes on the shop floor: load, ask, return."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from operations.production import booked, whole
from operations.production.errors import (
    AlreadyCorrected,
    CorrectionOfCorrection,
    CounterDoesNotContinue,
    NothingToCorrect,
    UnknownEntry,
    at_field,
)
from operations.production.flow import AROUND, BEFORE, neighbours
from operations.production.ledger import LedgerRow
from operations.production.model import Operation
from operations.production.profiling import PROFILE, owed
from operations.production.qualifying import require_qualified
from operations.production.rules import Neighbours, continues, shown
from operations.production.stepping import record_step, require_recorded
from operations.production.timers import Wanted, close_timers, open_timer, stop_timer
from operations.profiles.model import require_profile
from plantkit.db.row import Values
from plantkit.db.tx import Beside, Tx
from takt_contracts.operations.production import EntryKind, Hold
from takt_contracts.operations.steps import Step
from takt_contracts.operations.timers import TimerKind


@dataclass(frozen=True, kw_only=True)
class OnOperation:
    """Which operation an order is for."""

    order_no: str
    operation_no: str


@dataclass(frozen=True, kw_only=True)
class StartOperation(OnOperation):
    """Begin, where wanted with a machine and a person by their codes."""

    machine: str | None = None
    employee: str | None = None

    @property
    def timers(self) -> Iterator[Wanted]:
        if self.machine is not None:
            yield Wanted(kind=TimerKind.MACHINE, machine=self.machine)
        if self.employee is not None:
            yield Wanted(kind=TimerKind.LABOR, employee=self.employee)


@dataclass(frozen=True, kw_only=True)
class OpenTimer(OnOperation):
    wanted: Wanted


@dataclass(frozen=True, kw_only=True)
class StopTimer(OnOperation):
    timer_id: UUID


@dataclass(frozen=True, kw_only=True)
class RecordStep(OnOperation):
    step: str
    value: str
    comment: str | None = None


@dataclass(frozen=True, kw_only=True)
class BindProfile(OnOperation):
    profile: UUID | None
    profile_version: int | None


@dataclass(frozen=True, kw_only=True)
class ReportQuantity(OnOperation):
    """Book what came out of an operation: good, scrap with its reason, rework. In the item's unit."""

    good: Decimal
    scrap: Decimal
    rework: Decimal
    reason: str | None
    counter_start: Decimal | None = None
    counter_end: Decimal | None = None
    counter_reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class CorrectEntry(OnOperation):
    """Declare an entry wrong and book what it should have said, in the item's unit."""

    entry_id: UUID
    good: Decimal
    scrap: Decimal
    rework: Decimal
    reason: str


@dataclass(frozen=True, kw_only=True)
class HoldOperation(OnOperation):
    hold: Hold


@dataclass(frozen=True, kw_only=True)
class CancelOperation(OnOperation):
    reason: str


async def _claimed(tx: Tx, at: OnOperation) -> Operation:
    return await tx.claim(Operation, order_no=at.order_no, operation_no=at.operation_no, archived_at=None)


async def _claimed_beside(tx: Tx, at: OnOperation, beside: Beside) -> tuple[Operation, Neighbours]:
    operation, read = await _read_beside(tx, at, beside)
    return operation, neighbours(read)


async def _claimed_with_steps(tx: Tx, at: OnOperation) -> tuple[Operation, Sequence[Step]]:
    """With its profile's steps, which belong to it as its own do."""
    operation, read = await _read_beside(tx, at, PROFILE)
    return operation, owed(operation, read)


async def _read_beside(tx: Tx, at: OnOperation, beside: Beside) -> tuple[Operation, Values]:
    key: dict[str, Any] = {"order_no": at.order_no, "operation_no": at.operation_no, "archived_at": None}
    return await tx.claim_beside(Operation, beside, **key)


async def start_operation(tx: Tx, cmd: StartOperation) -> Operation:
    """Who is named is checked and stays there; what it takes must be named."""
    order = await whole.held(tx, cmd.order_no)
    operation, around = await _claimed_beside(tx, cmd, BEFORE)
    operation.start(around)
    if cmd.employee is None:
        require_qualified(operation.qualification, None, at=tx.now)
    for wanted in cmd.timers:
        await open_timer(tx, operation, wanted)
    await whole.settle(tx, operation, order)
    return operation


async def report_quantity(tx: Tx, cmd: ReportQuantity) -> Operation:
    operation, around = await _claimed_beside(tx, cmd, BEFORE)
    if cmd.counter_start is not None:
        await _require_counter(tx, operation, cmd.counter_start, has_reason=cmd.counter_reason is not None)
    counter = {name: getattr(cmd, name) for name in ("counter_start", "counter_end", "counter_reason")}
    done = {"good": cmd.good, "scrap": cmd.scrap, "rework": cmd.rework}
    entry = _entry(tx, operation, EntryKind.REPORT, done, reason=cmd.reason, **counter)
    operation.report(entry=entry, around=around)
    return operation


async def correct_entry(tx: Tx, cmd: CorrectEntry) -> Operation:
    await whole.require_open(tx, cmd.order_no)
    operation, around = await _claimed_beside(tx, cmd, AROUND)
    wrong = await _wrong_entry(tx, operation, cmd.entry_id)
    change = {name: getattr(cmd, name) - getattr(wrong, name) for name in ("good", "scrap", "rework")}
    if not any(change.values()):
        raise at_field("entry_id", NothingToCorrect, "The entry says just that already.")
    entry = _entry(tx, operation, EntryKind.CORRECTION, change, reason=cmd.reason, corrects=wrong.id)
    tx.because_of(await booked.told_by(tx, f"{cmd.order_no}/{cmd.operation_no}", wrong.id))
    operation.correct(entry=entry, wrong=wrong, around=around)
    return operation


def _entry(tx: Tx, operation: Operation, kind: EntryKind, change: dict[str, Decimal], **more: Any) -> LedgerRow:
    totals = {f"{name}_total": getattr(operation, f"qty_{name}") + value for name, value in change.items()}
    about = {"operation_id": operation.id, "entry_no": operation.entries + 1, "kind": kind}
    return tx.add(LedgerRow, **about, **change, **totals, **more, booked_by=tx.principal.id)


async def _require_counter(tx: Tx, operation: Operation, start: Decimal, *, has_reason: bool) -> None:
    stood_at = await booked.counter_of(tx, operation.id)
    if stood_at is not None and not continues(start=start, stood_at=stood_at, has_reason=has_reason):
        detail = f"It stood at {shown(stood_at)}, and would begin at {shown(start)}."
        raise at_field("counter_start", CounterDoesNotContinue, detail)


async def _wrong_entry(tx: Tx, operation: Operation, entry_id: UUID) -> LedgerRow:
    """The entry that is to be corrected. Raises UnknownEntry, CorrectionOfCorrection, AlreadyCorrected."""
    wrong = await tx.maybe(LedgerRow, id=entry_id, operation_id=operation.id)
    if wrong is None:
        detail = f"The operation has no entry {entry_id}."
        raise at_field("entry_id", UnknownEntry, detail, "field.unknown-reference")
    if wrong.kind == EntryKind.CORRECTION:
        raise at_field("entry_id", CorrectionOfCorrection, "The entry is a correction itself.")
    if await tx.maybe(LedgerRow, corrects=entry_id) is not None:
        raise at_field("entry_id", AlreadyCorrected, "The entry was corrected before.")
    return wrong


async def hold_operation(tx: Tx, cmd: HoldOperation) -> Operation:
    operation = await _claimed(tx, cmd)
    await close_timers(tx, operation)
    operation.hold_back(cmd.hold)
    return operation


async def resume_operation(tx: Tx, cmd: OnOperation) -> Operation:
    operation = await _claimed(tx, cmd)
    operation.resume()
    return operation


async def finish_operation(tx: Tx, cmd: OnOperation) -> Operation:
    order = await whole.held(tx, cmd.order_no)
    operation, steps = await _claimed_with_steps(tx, cmd)
    await require_recorded(tx, operation, steps)
    await close_timers(tx, operation)
    operation.finish()
    await whole.settle(tx, operation, order)
    return operation


async def cancel_operation(tx: Tx, cmd: CancelOperation) -> Operation:
    order = await whole.held(tx, cmd.order_no)
    operation = await _claimed(tx, cmd)
    await close_timers(tx, operation)
    operation.cancel(cmd.reason)
    await whole.settle(tx, operation, order)
    return operation


async def take_time(tx: Tx, cmd: OpenTimer) -> Operation:
    operation = await _claimed(tx, cmd)
    await open_timer(tx, operation, cmd.wanted)
    return operation


async def stop_time(tx: Tx, cmd: StopTimer) -> Operation:
    operation = await _claimed(tx, cmd)
    await stop_timer(tx, operation, cmd.timer_id)
    return operation


async def note_step(tx: Tx, cmd: RecordStep) -> Operation:
    operation, steps = await _claimed_with_steps(tx, cmd)
    record_step(tx, operation, steps, step=cmd.step, value=cmd.value, comment=cmd.comment)
    return operation


async def bind_profile(tx: Tx, cmd: BindProfile) -> Operation:
    operation = await _claimed(tx, cmd)
    await require_profile(tx, cmd.profile, cmd.profile_version)
    operation.bind_profile(cmd.profile, cmd.profile_version)
    return operation
