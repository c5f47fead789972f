"""What is done to a work order: closed, opened again, and told what its operations have come to."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, String, bindparam, func, select, text

from operations.work_orders.errors import OrderIsArchived, OrderIsClosed, OrderIsUnfinished
from operations.work_orders.model import WorkOrder
from operations.work_orders.rules import OPEN, status_of
from plantkit.db.engine import compile_statement
from plantkit.db.row import Values
from plantkit.db.tx import Tx
from plantkit.errors import DomainError
from takt_contracts.operations.production import Status
from takt_contracts.operations.work_orders import WorkOrderCreated
from takt_contracts.problem import FieldError

_MOST_NAMED = 10
_COLUMNS = WorkOrder.__table__.c
_ONE = select(_COLUMNS.status, _COLUMNS.version, _COLUMNS.closed_at, _COLUMNS.close_reason, _COLUMNS.archived_at).where(
    _COLUMNS.order_no == bindparam("order_no")
)
_LOOK = compile_statement(_ONE)
_LOCK = compile_statement(_ONE.with_for_update(key_share=True))
_MANY = select(*_COLUMNS).where(_COLUMNS.order_no == func.any(bindparam("order_nos", type_=ARRAY(String))))
_SOME = compile_statement(_MANY)
_LOCK_SOME = compile_statement(_MANY.order_by(_COLUMNS.order_no).with_for_update(key_share=True))
_UNFINISHED = compile_statement(
    text(
        "SELECT order_no || '/' || operation_no AS subject FROM operations.operations"
        " WHERE order_no = :order_no AND archived_at IS NULL AND status IN ('RELEASED', 'IN_PROGRESS')"
        " ORDER BY operation_no LIMIT :most"
    )
)


@dataclass(frozen=True, kw_only=True)
class OnOrder:
    """Which work order, and why."""

    order_no: str
    reason: str


async def close_order(tx: Tx, cmd: OnOrder) -> WorkOrder:
    """Raises OrderIsUnfinished, naming up to ten operations. An order that has none may be closed."""
    order = await tx.one(WorkOrder, lock=True, order_no=cmd.order_no, archived_at=None)
    order.close(cmd.reason)
    found = await tx.fetch(_UNFINISHED, order_no=cmd.order_no, most=_MOST_NAMED)
    if found:
        named = [record["subject"] for record in found]
        raise OrderIsUnfinished(f"Not finished or cancelled: {', '.join(named)}.", operations=named)
    return order


async def reopen_order(tx: Tx, cmd: OnOrder) -> WorkOrder:
    order = await tx.one(WorkOrder, lock=True, order_no=cmd.order_no, archived_at=None)
    order.reopen(cmd.reason)
    return order


async def look(tx: Tx, order_no: str) -> Values | None:
    """The order as it is at this moment, without a lock; None where there is none."""
    found = await tx.fetch(_LOOK, order_no=order_no)
    return found[0] if found else None


async def lock(tx: Tx, order_no: str) -> Values | None:
    """The order, which nobody else changes until this command has ended. Locked before any of its operations is."""
    await tx.begin()
    found = await tx.fetch(_LOCK, order_no=order_no)
    return found[0] if found else None


async def several(tx: Tx, order_nos: Collection[str], *, hold: bool) -> dict[str, WorkOrder]:
    """Orders by number; held in the order of their numbers, so that two who hold several wait instead of dying."""
    records = await tx.fetch(_LOCK_SOME if hold else _SOME, order_nos=sorted(order_nos))
    return {record["order_no"]: WorkOrder(**record).bind(tx.now, record) for record in records}


def refuse_work(order: Any) -> None:
    """Raises OrderIsClosed, OrderIsArchived. `order` has the columns of one."""
    if order["closed_at"] is not None:
        raise _at_order_no(OrderIsClosed, f"The work order was closed: {order['close_reason']}")
    if order["archived_at"] is not None:
        raise _at_order_no(OrderIsArchived, "The work order is archived.")


def _at_order_no(error: type[DomainError], detail: str) -> DomainError:
    return error(detail, errors=[FieldError(pointer="/order_no", code="field.rule", detail=detail)])


def take_up(tx: Tx, order_no: str, seen: Values) -> bool:
    """Whether an order that was seen open takes one more released operation as it is: that tells it nothing new.

    Nobody else changes it then until this command has ended; several may add to it at once. False where it has to be
    locked instead, because its status changes or because somebody was faster. Raises OrderIsClosed, OrderIsArchived.
    """
    refuse_work(seen)
    if seen["status"] not in OPEN or not tx.first_try:
        return False
    tx.keep(WorkOrder, seen["version"], order_no=order_no)
    return True


def begin(tx: Tx, order_no: str, status: Status) -> WorkOrder:
    """The work order of a first operation. Who makes the same one at the same time finds this one instead."""
    order = tx.new(WorkOrder, order_no=order_no, status=status)
    order.record(WorkOrderCreated)
    tx.meets(WorkOrder)
    return order


async def settle(tx: Tx, order_no: str, known: Values, operations: Collection[Status]) -> None:
    """Tell a locked order what its operations have come to, if that is anything new."""
    status = status_of(operations)
    if status != known["status"]:
        order = await tx.one(WorkOrder, order_no=order_no)
        order.settle(status)
