"""What an order on an operation must know of its ledger."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import Text, bindparam, literal_column, select

from operations.production.ledger import LedgerRow
from plantkit.db.engine import compile_statement
from plantkit.db.machinery import OUTBOX
from plantkit.db.tx import Tx

_COUNTER = compile_statement(
    select(LedgerRow.counter_end)
    .where(LedgerRow.operation_id == bindparam("operation_id"), LedgerRow.counter_end.is_not(None))
    .order_by(LedgerRow.entry_no.desc())
    .limit(1)
)
_TOLD_BY = compile_statement(
    select(OUTBOX.c.id).where(
        OUTBOX.c.aggregatetype == literal_column("'operation'"),
        OUTBOX.c.aggregateid == bindparam("subject"),
        bindparam("entry_id", type_=Text) == literal_column("(payload::json #>> '{entry,id}')", Text),
    )
)


async def counter_of(tx: Tx, operation_id: UUID) -> Decimal | None:
    """Where the counter of an operation ended; None when it never reported by one."""
    found = await tx.fetch(_COUNTER, operation_id=operation_id)
    return found[0]["counter_end"] if found else None


async def told_by(tx: Tx, subject: str, entry_id: UUID) -> str:
    """Id of the event that told of an entry."""
    [found] = await tx.fetch(_TOLD_BY, subject=subject, entry_id=str(entry_id))
    return str(found["id"])
