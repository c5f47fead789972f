"""Reads of the shop floor."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import BigInteger, ColumnElement, Text, Uuid, bindparam, literal_column, select, text, tuple_
from sqlalchemy.dialects.postgresql import TIMESTAMP

from operations.production.ledger import LedgerRow
from operations.production.model import Operation
from plantkit.db.engine import Database, compile_statement
from plantkit.db.machinery import OUTBOX
from plantkit.errors import NotFound

_TIME = TIMESTAMP(timezone=True)
_ID = compile_statement(
    select(Operation.id).where(
        Operation.order_no == bindparam("order_no"),
        Operation.operation_no == bindparam("operation_no"),
        Operation.archived_at.is_(None),
    )
)
_LEDGER = compile_statement(
    select(
        LedgerRow.entry_no,
        LedgerRow.id,
        LedgerRow.kind,
        LedgerRow.good,
        LedgerRow.scrap,
        LedgerRow.rework,
        LedgerRow.reason,
        LedgerRow.created_at.label("booked_at"),
        LedgerRow.booked_by,
        LedgerRow.corrects,
        LedgerRow.counter_start,
        LedgerRow.counter_end,
        LedgerRow.counter_reason,
    )
    .where(
        LedgerRow.operation_id == bindparam("operation_id"), LedgerRow.entry_no > bindparam("after", type_=BigInteger)
    )
    .order_by(LedgerRow.entry_no)
    .limit(bindparam("limit"))
)
_EVENT = (OUTBOX.c.headers, OUTBOX.c.payload, OUTBOX.c.version, OUTBOX.c.time, OUTBOX.c.id)
_OF_OPERATION = compile_statement(
    select(*_EVENT)
    .where(
        OUTBOX.c.aggregatetype == literal_column("'operation'"),
        OUTBOX.c.aggregateid == bindparam("subject"),
        OUTBOX.c.version > bindparam("after", type_=BigInteger),
    )
    .order_by(OUTBOX.c.version)
    .limit(bindparam("limit"))
)
# The expression is that of the index outbox_workplace_idx, letter by letter.
_WORKPLACE: ColumnElement[str] = literal_column("(payload::json #>> '{state,workplace}')", Text)
_PLACE = tuple_(OUTBOX.c.time, OUTBOX.c.id)
_AT_WORKPLACE = compile_statement(
    select(*_EVENT)
    .where(
        OUTBOX.c.aggregatetype == literal_column("'operation'"),
        bindparam("workplace", type_=Text) == _WORKPLACE,
        OUTBOX.c.time >= bindparam("start", type_=_TIME),
        OUTBOX.c.time < bindparam("end", type_=_TIME),
        tuple_(bindparam("after_time", type_=_TIME), bindparam("after_id", type_=Uuid)) < _PLACE,
    )
    .order_by(OUTBOX.c.time, OUTBOX.c.id)
    .limit(bindparam("limit"))
)
_WORKPLACE_EXISTS = compile_statement(text("SELECT 1 FROM operations.workplaces WHERE code = :code"))
Records = Sequence[asyncpg.Record]


async def require(db: Database, *, order_no: str, operation_no: str) -> UUID:
    """The id of an operation that is not archived. Raises NotFound."""
    found = await db.fetch(_ID, order_no=order_no, operation_no=operation_no)
    if not found:
        raise NotFound("operation", f"{order_no}/{operation_no}")
    id_: UUID = found[0]["id"]
    return id_


async def require_workplace(db: Database, code: str) -> None:
    """Raises NotFound. An archived workplace keeps its history."""
    if not await db.fetch(_WORKPLACE_EXISTS, code=code):
        raise NotFound("workplace", code)


async def ledger(db: Database, operation_id: UUID, *, after: int, limit: int) -> Records:
    """Entries with numbers above `after`, in the order they were booked."""
    return await db.fetch(_LEDGER, operation_id=operation_id, after=after, limit=limit)


async def events_of_operation(db: Database, subject: str, *, after: int, limit: int) -> Records:
    """Events with versions above `after`, from the archive, in order."""
    return await db.fetch(_OF_OPERATION, subject=subject, after=after, limit=limit)


async def events_at_workplace(
    db: Database, workplace: str, window: tuple[datetime, datetime], after: tuple[datetime, UUID], limit: int
) -> Records:
    """Events of operations at a workplace within [start, end), by time, behind `after`."""
    start, end = window
    return await db.fetch(
        _AT_WORKPLACE, workplace=workplace, start=start, end=end, after_time=after[0], after_id=after[1], limit=limit
    )


def as_cloud_event(record: asyncpg.Record) -> str:
    """CloudEvents JSON of an archived event; its data is the payload, byte for byte."""
    headers: Mapping[str, str] = orjson.loads(record["headers"])
    attributes = {name.removeprefix("ce_"): value for name, value in headers.items() if name.startswith("ce_")}
    opening = orjson.dumps(attributes | {"datacontenttype": headers["content-type"]}).decode()
    return f'{opening[:-1]},"data":{record["payload"]}}}'
