"""Timers: who and what is at an operation, and since when. A machine or a person is at one place at a time.

Machines and employees are read by their tables' names: the catalog that keeps them is another slice. Each is locked
before it is asked about, the operation first, then the machine, so of two who want one the second sees where the first
has put it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    bindparam,
    func,
    literal_column,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import TIMESTAMP, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Row
from operations.production.errors import ElsewhereAlready, TimerEnded, at_field
from operations.production.model import Operation
from operations.production.qualifying import Person, require_qualified
from plantkit.db.constraints import TRIGGERS
from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.tx import Tx
from plantkit.errors import NotFound, UnknownReference
from plantkit.resources.references import IN_USE, WHOLE
from takt_contracts.operations.timers import OperationTimerClosed, OperationTimerOpened, Timer, TimerKind

_KINDS = ", ".join(f"'{kind}'" for kind in TimerKind)
_TRIGGERS = {
    "timers_nobody_is_archived_check": (UnknownReference, "The machine or the employee was archived meanwhile.")
}
"""What a trigger refuses, as it looks at machines and employees, which no CHECK can."""


def _in_one_place(asset: str) -> ExcludeConstraint:
    """The times of two timers of one asset do not meet; one that still runs has no end."""
    return ExcludeConstraint(
        (literal_column(f"int8range({asset}_no, {asset}_no, '[]')"), "&&"),
        (literal_column("tstzrange(started_at, ended_at)"), "&&"),
        where=literal_column(f"{asset}_no IS NOT NULL"),
        using="gist",
        name=f"timers_{asset}_in_one_place_excl",
        info={"error": ElsewhereAlready, "detail": f"The {asset} is at another operation at that time."},
    )


class TimerRow(Row):
    """A machine or a person at an operation. Only its end is ever written later, once."""

    __tablename__ = "timers"
    __table_args__ = (
        CheckConstraint(f"kind IN ({_KINDS})", name="kind_is_known"),
        CheckConstraint("kind <> 'machine' OR machine_no IS NOT NULL", name="machine_time_has_a_machine"),
        CheckConstraint("kind <> 'labor' OR employee_no IS NOT NULL", name="labor_has_an_employee"),
        CheckConstraint("machine_no IS NOT NULL OR employee_no IS NOT NULL", name="somebody_is_there"),
        CheckConstraint("ended_at >= started_at", name="ends_after_start"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="end_is_whole"),
        _in_one_place("machine"),
        _in_one_place("employee"),
        Index(None, "operation_id", "id"),
        *(Index(None, f"{asset}_no", postgresql_where=text("ended_at IS NULL")) for asset in ("machine", "employee")),
        {
            "comment": "Machines and people at operations: setup, machine and labour time",
            "info": {IN_USE: "timers.ended_at IS NULL", TRIGGERS: _TRIGGERS},
        },
    )

    operation_id: Mapped[UUID] = mapped_column(ForeignKey("operations.operations.id", info={WHOLE: True}))
    kind: Mapped[str] = mapped_column(String(20))
    machine_no: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operations.machines.no"))
    employee_no: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("operations.employees.no"))
    started_at: Mapped[datetime]
    started_by: Mapped[str] = mapped_column(String(200))
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None] = mapped_column(String(200))


def _locked(asset: str, more: str = "") -> Compiled:
    met = "code = :code AND archived_at IS NULL FOR NO KEY UPDATE"
    return compile_statement(text(f"SELECT no{more} FROM operations.{asset}s WHERE {met}"))  # noqa: S608 -- names of ours


def _place(asset: str) -> Compiled:
    """Where an asset is, or was until later than now, for commands wait for each other and their clocks do not.

    The ranges are those of the constraint, so that its index answers.
    """
    query = (
        "SELECT o.order_no, o.operation_no, t.started_at, t.ended_at FROM operations.timers t"  # noqa: S608 -- names of ours
        f" JOIN operations.operations o ON o.id = t.operation_id WHERE t.{asset}_no IS NOT NULL"
        f" AND int8range(t.{asset}_no, t.{asset}_no, '[]') && int8range(:no, :no, '[]')"
        " AND tstzrange(t.started_at, t.ended_at) && tstzrange(:now, NULL) ORDER BY t.ended_at DESC NULLS FIRST LIMIT 1"
    )
    typed = (bindparam("no", type_=BigInteger), bindparam("now", type_=TIMESTAMP(timezone=True)))
    return compile_statement(text(query).bindparams(*typed))


_MACHINE, _EMPLOYEE = _locked("machine"), _locked("employee", ", qualifications")
_PLACES: Final = {asset: _place(asset) for asset in ("machine", "employee")}
_TIMERS = """
SELECT t.id, t.kind, m.code AS machine, e.code AS employee, t.started_at, t.started_by, t.ended_at, t.ended_by
FROM operations.timers t LEFT JOIN operations.machines m ON m.no = t.machine_no
LEFT JOIN operations.employees e ON e.no = t.employee_no WHERE t.operation_id = :operation_id
"""
_OPEN = compile_statement(text(f"{_TIMERS} AND t.ended_at IS NULL ORDER BY t.id"))
_ONE = compile_statement(text(f"{_TIMERS} AND t.id = :id"))
PAGE = compile_statement(text(f"{_TIMERS} AND t.id > :after ORDER BY t.id LIMIT :limit"))
_END = compile_statement(
    update(TimerRow)
    .where(TimerRow.id == func.any(bindparam("ids")), TimerRow.ended_at.is_(None))
    .values(ended_at=func.greatest(TimerRow.started_at, bindparam("now")), ended_by=bindparam("by"))
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Who and what begins at an operation, by their codes."""

    kind: TimerKind
    machine: str | None = None
    employee: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Free:
    """An asset that is nowhere else, from a moment on."""

    no: int
    free_from: datetime


async def open_timer(tx: Tx, operation: Operation, wanted: Wanted) -> Timer:
    """Put a machine, a person or both at an operation that runs.

    Raises UnknownReference, ElsewhereAlready naming the place, and what `require_qualified` raises.
    """
    operation.require_running()
    await tx.secure(operation)
    machine = await _machine(tx, wanted.machine)
    employee = await _employee(tx, operation, wanted.employee)
    begins = max(one.free_from for one in (machine, employee) if one is not None)
    about = {"started_at": begins, "started_by": tx.principal.id, "kind": wanted.kind}
    numbers = {"machine_no": machine and machine.no, "employee_no": employee and employee.no}
    row = tx.add(TimerRow, operation_id=operation.id, **numbers, **about)
    timer = Timer(id=row.id, machine=wanted.machine, employee=wanted.employee, **about)
    operation.time(OperationTimerOpened, timer)
    return timer


async def close_timers(tx: Tx, operation: Operation) -> None:
    """End all that run. Whoever stops, finishes or gives up work has left it."""
    running = await tx.fetch(_OPEN, operation_id=operation.id)
    if running:
        await _close(tx, operation, running)


async def stop_timer(tx: Tx, operation: Operation, id_: UUID) -> None:
    """Raises NotFound, TimerEnded."""
    found = await tx.fetch(_ONE, operation_id=operation.id, id=id_)
    if not found:
        raise NotFound("timer", id_)
    if found[0]["ended_at"] is not None:
        raise TimerEnded(f"It ended at {found[0]['ended_at'].isoformat()}.")
    await _close(tx, operation, found)


async def _close(tx: Tx, operation: Operation, running: Sequence[asyncpg.Record]) -> None:
    by = tx.principal.id
    await tx.secure(operation)
    await tx.execute(_END, ids=[one["id"] for one in running], now=tx.now, by=by)
    for one in running:
        timer = Timer.model_validate({**dict(one), "ended_at": max(tx.now, one["started_at"]), "ended_by": by})
        operation.time(OperationTimerClosed, timer)


async def _machine(tx: Tx, code: str | None) -> _Free | None:
    if code is None:
        return None
    found = await _known(tx, _MACHINE, "machine", code)
    return await _free(tx, "machine", code, found["no"])


async def _employee(tx: Tx, operation: Operation, code: str | None) -> _Free | None:
    if code is None:
        return None
    found = await _known(tx, _EMPLOYEE, "employee", code)
    require_qualified(operation.qualification, Person.of(code, found["qualifications"]), at=tx.now)
    return await _free(tx, "employee", code, found["no"])


async def _known(tx: Tx, statement: Compiled, asset: str, code: str) -> asyncpg.Record:
    """The asset, locked until the command has ended. Raises UnknownReference."""
    found = await tx.fetch(statement, code=code)
    if not found:
        raise at_field(asset, UnknownReference, f"There is no {asset} {code}.", "field.unknown-reference")
    return found[0]


async def _free(tx: Tx, asset: str, code: str, no: int) -> _Free:
    """Raises ElsewhereAlready."""
    found = await tx.fetch(_PLACES[asset], no=no, now=tx.now)
    if found and found[0]["ended_at"] is None:
        place = f"{found[0]['order_no']}/{found[0]['operation_no']}"
        since = found[0]["started_at"].isoformat(timespec="seconds")
        raise ElsewhereAlready(f"The {asset} {code} is at operation {place} since {since}.", asset=code, place=place)
    return _Free(no=no, free_from=found[0]["ended_at"] if found else tx.now)
