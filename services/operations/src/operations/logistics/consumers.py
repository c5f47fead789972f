"""From the last operation finished to a transport order proposed, once for each work order."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
from sqlalchemy import ARRAY, String, bindparam, text

from operations.logistics.model import TransportOrder
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.messaging.consumer import consumes
from plantkit.messaging.records import Delivery
from takt_contracts.operations.logistics import TransportOrderFields, TransportOrderProposed, TransportStatus
from takt_contracts.operations.production import OperationCancelled, OperationFinished

GROUP: Final = "operations.transport-proposals"
_LONGEST: Final = 40
_ORDERS = bindparam("orders", type_=ARRAY(String))
# Two members of the group may hold operations of one work order; the second waits and then sees the first's proposal.
_ALONE = compile_statement(
    text(
        "SELECT pg_advisory_xact_lock(hashtext('transport-proposal'), hashtext(o))"
        " FROM (SELECT unnest(:orders) AS o ORDER BY 1) AS sorted"
    ).bindparams(_ORDERS)
)
# An operation's state is never older than its event, so the table answers for every event up to this one and more.
_DONE = compile_statement(
    text(
        "SELECT order_no FROM (SELECT DISTINCT ON (p.order_no) p.order_no, p.status FROM operations.operations p"
        " WHERE p.order_no = ANY(:orders) AND p.status <> 'CANCELLED' AND p.archived_at IS NULL"
        " ORDER BY p.order_no, p.operation_no DESC) AS last WHERE last.status = 'FINISHED'"
        " AND NOT EXISTS (SELECT FROM operations.transport_orders t WHERE t.proposed_for = last.order_no"
        " OR (t.order_no = last.order_no AND t.status <> 'CANCELLED' AND t.archived_at IS NULL)) ORDER BY order_no"
    ).bindparams(_ORDERS)
)
_TAKEN = compile_statement(
    text("SELECT no FROM operations.transport_orders WHERE no = ANY(:orders)").bindparams(_ORDERS)
)


@consumes(OperationFinished, OperationCancelled, group=GROUP, keeps_version=True)
async def propose_transports(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
    """Propose what ships a work order whose last operation is finished, unless somebody has planned that already.

    Twice: the inbox drops the second, and the proposal is unique per work order. Late: what counts is how the work
    order's operations are now, not what the event says, so no version needs to be kept and no other fact be read.
    Work that a workbook brings along as finished was shipped long ago; nothing is proposed for it.
    """
    orders = sorted({delivery.event.state.order_no for delivery in deliveries})
    await tx.fetch(_ALONE, orders=orders)
    done = [record["order_no"] for record in await tx.fetch(_DONE, orders=orders)]
    numbers = await _numbers(tx, done)
    for order_no in done:
        _propose(tx, order_no, numbers[order_no])


async def _numbers(tx: Tx, orders: Sequence[str]) -> dict[str, str]:
    """The same number for the same work order, whoever asks: `TO-` and its number, marked where that is taken."""
    plain = {order_no: f"TO-{order_no}" for order_no in orders}
    taken: set[str] = {record["no"] for record in await _taken(tx, sorted(plain.values()))}
    return {order: no if len(no) <= _LONGEST and no not in taken else _marked(order) for order, no in plain.items()}


async def _taken(tx: Tx, numbers: Sequence[str]) -> Sequence[asyncpg.Record]:
    return await tx.fetch(_TAKEN, orders=numbers) if numbers else ()


def _marked(order_no: str) -> str:
    mark = hashlib.sha256(order_no.encode()).hexdigest()[:8]
    return f"TO-{order_no[: _LONGEST - len('TO--') - len(mark)].rstrip()}-{mark}"


def _propose(tx: Tx, order_no: str, no: str) -> None:
    fields = TransportOrderFields(no=no, order_no=order_no)
    order = tx.new(
        TransportOrder, archived_at=None, status=TransportStatus.PROPOSED, proposed_for=order_no, **dict(fields)
    )
    order.record(TransportOrderProposed)
