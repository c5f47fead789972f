"""Operations as parts of work orders. The order is locked before any of its operations, so all wait in one line."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, String, bindparam, func, select

from operations.production.chain import Chain, Link
from operations.production.model import Operation
from operations.production.timers import close_timers
from operations.work_orders import commands as orders
from operations.work_orders.model import WorkOrder
from operations.work_orders.rules import status_of
from plantkit.db.engine import compile_statement
from plantkit.db.row import Values, columns_of
from plantkit.db.tx import Tx
from plantkit.errors import NotFound
from plantkit.ids import new_id
from takt_contracts.operations.production import Status
from takt_contracts.operations.work_orders import Origin, WorkOrderCreated
from takt_contracts.resource import Change

_SIBLINGS = compile_statement(
    select(Operation.status)
    .distinct()
    .where(
        Operation.order_no == bindparam("order_no"),
        Operation.operation_no != bindparam("operation_no"),
        Operation.archived_at.is_(None),
    )
)
_PARTS = compile_statement(
    select(
        Operation.order_no,
        Operation.operation_no,
        Operation.status,
        Operation.qty_good,
        Operation.qty_processed,
        Operation.tolerance_percent,
    ).where(
        Operation.order_no == func.any(bindparam("order_nos", type_=ARRAY(String))), Operation.archived_at.is_(None)
    )
)


async def held(tx: Tx, order_no: str) -> Values:
    """Lock the work order of an operation. Raises NotFound: without it there is no operation."""
    known = await orders.lock(tx, order_no)
    if known is None:
        raise NotFound("work-order", order_no)
    return known


async def require_open(tx: Tx, order_no: str) -> None:
    """Lock the work order, which is not closed: that of a closed one is reconciled. Raises OrderIsClosed."""
    orders.refuse_work(await held(tx, order_no))


async def settle(tx: Tx, operation: Operation, known: Values) -> None:
    """Tell the order, which is locked, what came of a move of `operation`."""
    found = await tx.fetch(_SIBLINGS, order_no=operation.order_no, operation_no=operation.operation_no)
    statuses = [Status(record["status"]) for record in found]
    if operation.archived_at is None:
        statuses.append(Status(operation.status))
    await orders.settle(tx, operation.order_no, known, statuses)


class PartOfOrder:
    """What a change of an operation does to its work order. An unknown one comes to be with its first operation."""

    async def hold(self, tx: Tx, key: Mapping[str, Any]) -> None:
        await orders.lock(tx, key["order_no"])

    async def follow(self, tx: Tx, row: Operation, change: Change) -> None:
        """Raises OrderIsClosed, OrderIsArchived."""
        if change is Change.UPDATED:
            return
        if change is Change.CREATED and await self._joins(tx, row):
            return
        known = await held(tx, row.order_no)
        if change is Change.ARCHIVED:
            await close_timers(tx, row)
        if change is not Change.ARCHIVED:
            orders.refuse_work(known)
        await settle(tx, row, known)

    async def _joins(self, tx: Tx, row: Operation) -> bool:
        """Whether nothing more is to be done about the order of a new operation, which is released."""
        seen = await orders.look(tx, row.order_no)
        if seen is None:
            orders.begin(tx, row.order_no, Status(row.status))
            return True
        return orders.take_up(tx, row.order_no, seen)

    async def gather(self, tx: Tx, keys: Iterable[Sequence[Any]], *, hold: bool) -> "Gathered":
        """The orders of an import's rows: as many statements for five hundred of them as for one."""
        order_nos = {key[0] for key in keys if key and key[0] is not None}
        found = await orders.several(tx, order_nos, hold=hold)
        gathered = Gathered(tx, found)
        for record in await tx.fetch(_PARTS, order_nos=list(found)) if found else ():
            gathered.know(record)
        return gathered


class Gathered:
    """Work orders that gain operations, until they are written."""

    def __init__(self, tx: Tx, found: dict[str, WorkOrder]) -> None:
        self._tx = tx
        self._orders = found
        self._statuses: defaultdict[str, set[Status]] = defaultdict(set)
        self._chains: defaultdict[str, Chain] = defaultdict(Chain)
        self._joined: dict[str, WorkOrder] = {}

    def know(self, part: Values) -> None:
        """An operation that is there already."""
        order_no, status = part["order_no"], Status(part["status"])
        self._statuses[order_no].add(status)
        if status is not Status.CANCELLED:
            self._chains[order_no].know(part["operation_no"], _link(part))

    def join(self, row: Operation) -> WorkOrder:
        """The order of a new operation. Raises OrderIsClosed, OrderIsArchived, OverHandedOver, ConsumedDownstream."""
        order = self._orders.get(row.order_no)
        if order is None:
            order = self._orders[row.order_no] = self._new(row.order_no)
        orders.refuse_work(vars(order))
        if row.status != Status.CANCELLED:
            self._chains[row.order_no].join(row.operation_no, _link(vars(row)))
        self._statuses[row.order_no].add(Status(row.status))
        self._joined[row.order_no] = order
        return order

    def changed(self) -> list[WorkOrder]:
        """Those that have something to tell since this was asked before."""
        for order_no, order in self._joined.items():
            status = status_of(self._statuses[order_no])
            if order.version:
                order.settle(status)
            else:
                order.status = status
                order.record(WorkOrderCreated)
        told = [order for order in self._joined.values() if order.told]
        self._joined = {}
        self._orders.update((order.order_no, self._written(order)) for order in told)
        return told

    def _new(self, order_no: str) -> WorkOrder:
        now = self._tx.now
        own = {
            "id": new_id(),
            "created_at": now,
            "updated_at": now,
            "version": 0,
            "closed_at": None,
            "archived_at": None,
        }
        return WorkOrder(order_no=order_no, source=Origin.IMPORT, **own).bind(now)

    def _written(self, order: WorkOrder) -> WorkOrder:
        """As it will be read from now on."""
        values = {name: getattr(order, name) for name in columns_of(WorkOrder)}
        return WorkOrder(**values).bind(self._tx.now, values)


def _link(part: Values) -> Link:
    return Link(part["qty_good"], part["qty_processed"], part["tolerance_percent"])
