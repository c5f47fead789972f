"""Work orders as a resource: one with an item and a quantity begins with the operations of the item's routing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import text

from operations.production.model import Operation
from operations.work_orders.model import WorkOrder
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.resources.resource import Resource
from takt_contracts.operations.items import RoutingStep
from takt_contracts.operations.production import OperationCreated
from takt_contracts.operations.work_orders import (
    WORK_ORDER,
    WorkOrderArchived,
    WorkOrderCreated,
    WorkOrderRestored,
    WorkOrderUpdated,
)
from takt_contracts.resource import Change

_ROUTING = compile_statement(text("SELECT routing FROM operations.items WHERE code = :code AND archived_at IS NULL"))
_STEPS: TypeAdapter[tuple[RoutingStep, ...]] = TypeAdapter(tuple[RoutingStep, ...])


class FromRouting:
    """Makes the operations of a new work order, in the same command. An import brings operations in rows."""

    async def hold(self, tx: Tx, key: Mapping[str, Any]) -> None:
        """Nothing: what is made new is nobody else's."""

    async def follow(self, tx: Tx, row: WorkOrder, change: Change) -> None:
        if change is not Change.CREATED or row.item is None or not row.qty_desired:
            return
        for record in await tx.fetch(_ROUTING, code=row.item):
            for step in _STEPS.validate_json(record["routing"]):
                _planned(tx, row, step)

    async def gather(self, tx: Tx, keys: Iterable[Sequence[Any]], *, hold: bool) -> None:
        """Nothing changes along with imported orders."""


def _planned(tx: Tx, order: WorkOrder, step: RoutingStep) -> None:
    operation = tx.new(
        Operation,
        order_no=order.order_no,
        operation_no=step.operation_no,
        workplace=step.workplace,
        item=order.item,
        qty_desired=order.qty_desired,
        due=order.due,
        qualification=step.qualification,
    )
    operation.record(OperationCreated)


WORK_ORDERS = Resource(
    WORK_ORDER,
    WorkOrder,
    search=("order_no", "name", "item"),
    facts={
        Change.CREATED: WorkOrderCreated,
        Change.UPDATED: WorkOrderUpdated,
        Change.ARCHIVED: WorkOrderArchived,
        Change.RESTORED: WorkOrderRestored,
    },
    along=FromRouting(),
)
