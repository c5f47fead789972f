"""Keeps the cards: one statement for each table that a batch concerns, whatever its size."""

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.order_card.model import MODEL
from gateway.order_card.rules import cause_of, fact_of, orders_of
from gateway.order_card.seen import SeenOperation, seen_as
from plantkit.db.tx import Tx
from plantkit.messaging.consumer import consumes
from plantkit.messaging.records import Delivery
from takt_contracts import catalog
from takt_contracts.imports.jobs import ImportMoved
from takt_contracts.operations.production import OperationCreated
from takt_contracts.records.record_types import RecordTypeCreated, RecordTypeEvent
from takt_contracts.records.records import RecordCreated, RecordDeleted, RecordEvent

GROUP = "gateway.order-card"
OF_OPERATIONS, OF_IMPORTS = OperationCreated.topic, ImportMoved.topic
OF_RECORDS, OF_TYPES = RecordCreated.topic, RecordTypeCreated.topic
TOPICS = (OF_OPERATIONS, OF_IMPORTS, OF_RECORDS, OF_TYPES)
TOLD = tuple(event for event in catalog.event_classes() if event.topic in TOPICS)
Deliveries = Sequence[Delivery[Any]]
Rows = Sequence[tuple[Any, ...]]

_OPERATIONS = """
INSERT INTO card_operations AS known (order_no, operation_no, version, state)
SELECT order_no, operation_no, version, payload::jsonb -> 'state'
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS told (order_no, operation_no, version, payload)
ON CONFLICT (order_no, operation_no) DO UPDATE SET version = excluded.version, state = excluded.state
WHERE known.version < excluded.version
"""
_ENTRIES = """
INSERT INTO card_entries (id, order_no, operation_no, version, booked_at, entry)
SELECT id, order_no, operation_no, version, booked_at, entry::jsonb
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[])
AS told (id, order_no, operation_no, version, booked_at, entry)
ON CONFLICT DO NOTHING
"""
_IMPORT_ROWS = """
INSERT INTO card_import_rows (order_no, operation_no, version, import_id, row_no, fact)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::uuid[], $5::int[], $6::text[])
ON CONFLICT DO NOTHING
"""
_IMPORTS = """
INSERT INTO card_imports AS known (id, version, file_name, uploaded_by, uploaded_at, state, totals)
SELECT id, version, file_name, uploaded_by, uploaded_at, state, totals::jsonb
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])
AS told (id, version, file_name, uploaded_by, uploaded_at, state, totals)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, file_name = excluded.file_name,
    uploaded_by = excluded.uploaded_by, uploaded_at = excluded.uploaded_at, state = excluded.state,
    totals = excluded.totals
WHERE known.version < excluded.version
"""
_RECORDS = """
INSERT INTO card_records AS known (id, version, record_type, revised_at, deleted, orders)
SELECT id, version, record_type, revised_at, deleted, CAST(orders AS text[])
FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::timestamptz[], $5::bool[], $6::text[])
AS told (id, version, record_type, revised_at, deleted, orders)
ON CONFLICT (id) DO UPDATE SET version = excluded.version, record_type = excluded.record_type,
    revised_at = excluded.revised_at, deleted = excluded.deleted, orders = excluded.orders
WHERE known.version < excluded.version
"""
_TYPES = """
INSERT INTO card_record_types AS known (name, version, title)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])
ON CONFLICT (name) DO UPDATE SET version = excluded.version, title = excluded.title
WHERE known.version < excluded.version
"""


@consumes(*TOLD, group=GROUP, keeps_version=True, model=MODEL, view=seen_as)
async def keep_cards(tx: Tx, deliveries: Deliveries) -> None:
    """States by subject, ledger entries and import rows by the event that told them.

    Delivered twice: every table refuses the second. Late: an older version changes no state, while
    its entry and its row are kept; and no table needs what another topic tells.
    """
    operations = [one for one in deliveries if isinstance(one.event, SeenOperation)]
    await _write(tx, _OPERATIONS, [_operation(one) for one in _newest(operations)])
    await _write(tx, _ENTRIES, list(_entries(operations)))
    await _write(tx, _IMPORT_ROWS, list(_import_rows(operations)))
    await _write(tx, _IMPORTS, [_import(one) for one in _newest_of(ImportMoved, deliveries)])
    await _write(tx, _RECORDS, [_record(one) for one in _newest_of(RecordEvent, deliveries)])
    await _write(tx, _TYPES, [_type(one) for one in _newest_of(RecordTypeEvent, deliveries)])


async def _write(tx: Tx, statement: str, rows: Rows) -> None:
    if rows:
        await tx.connection.execute(statement, *(list(column) for column in zip(*rows, strict=True)))


def _newest_of(event: type[Any], deliveries: Deliveries) -> list[Delivery[Any]]:
    return _newest([one for one in deliveries if isinstance(one.event, event)])


def _newest(deliveries: Deliveries) -> list[Delivery[Any]]:
    """The newest of each subject: one statement cannot change a row twice."""
    found: dict[str, Delivery[Any]] = {}
    for one in deliveries:
        known = found.setdefault(one.subject, one)
        if one.version > known.version:
            found[one.subject] = one
    return list(found.values())


def _operation(one: Delivery[Any]) -> tuple[Any, ...]:
    state = one.event.state
    return state.order_no, state.operation_no, one.version, one.payload.decode()


def _entries(operations: Deliveries) -> Iterable[tuple[Any, ...]]:
    """Any fact about an operation may carry one."""
    for one in operations:
        entry = one.event.entry
        if entry is not None:
            state, text = one.event.state, entry.model_dump_json()
            yield entry.id, state.order_no, state.operation_no, one.version, entry.booked_at, text


def _import_rows(operations: Deliveries) -> Iterable[tuple[Any, ...]]:
    """From the header alone: to read the whole envelope of each event would cost more than the rest."""
    for one in operations:
        header = dict(one.record.headers).get("ce_causationid")
        cause = cause_of(None if header is None else header.decode())
        if cause is not None:
            state = one.event.state
            yield state.order_no, state.operation_no, one.version, *cause, fact_of(one.type)


def _import(one: Delivery[Any]) -> tuple[Any, ...]:
    state = one.event.state
    about = (state.file_name, state.uploaded_by, state.uploaded_at, str(state.state))
    return state.id, one.version, *about, state.totals.model_dump_json()


def _record(one: Delivery[Any]) -> tuple[Any, ...]:
    """Of class health nothing is told of what it is about, so it is on no card."""
    state, deleted = one.event.state, isinstance(one.event, RecordDeleted)
    orders = orders_of(state.about or ())
    return state.id, one.version, state.record_type, state.updated_at, deleted, _array(orders)


def _array(texts: Iterable[str]) -> str:
    """PostgreSQL's spelling of an array: `unnest` of arrays of arrays would make one row of each text."""
    quoted = ('"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"' for text in texts)
    return "{" + ",".join(quoted) + "}"


def _type(one: Delivery[Any]) -> tuple[Any, ...]:
    return one.event.state.name, one.version, one.event.state.title
