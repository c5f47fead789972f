"""Reads of one card: one statement, so that its sections agree."""

from typing import Any

import orjson
from sqlalchemy import text

from gateway.order_card import consumers as told
from plantkit.db.engine import Database, compile_statement
from plantkit.http.consistency import Written

Sections = dict[str, list[dict[str, Any]]]

# Times are written as the contracts write them: UTC, with a Z.
_CARD = compile_statement(
    text("""
SELECT
    EXISTS (SELECT FROM card_operations WHERE order_no = CAST(:order_no AS text)) AS planned,
    (SELECT json_agg(state ORDER BY operation_no) FROM card_operations
     WHERE order_no = CAST(:order_no AS text) AND state ->> 'archived_at' IS NULL) AS operations,
    (SELECT json_agg(entry || jsonb_build_object('operation_no', operation_no)
                     ORDER BY booked_at, operation_no, version, id)
     FROM card_entries WHERE order_no = CAST(:order_no AS text)) AS ledger,
    (SELECT json_agg(json_build_object(
        'id', came.import_id, 'file_name', file_name, 'uploaded_by', uploaded_by,
        'uploaded_at', to_char(uploaded_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'state', state, 'totals', totals,
        'rows', came.rows, 'link', '/api/v1/imports/' || came.import_id) ORDER BY uploaded_at, came.import_id)
     FROM (SELECT import_id, json_agg(json_build_object('row', row_no, 'operation_no', operation_no, 'version', version,
                                                        'fact', fact) ORDER BY row_no, operation_no, version) AS rows
           FROM card_import_rows WHERE order_no = CAST(:order_no AS text) GROUP BY import_id) AS came
     LEFT JOIN card_imports ON card_imports.id = came.import_id) AS imports,
    (SELECT json_agg(json_build_object(
        'id', id, 'record_type', record_type, 'title', coalesce(title, record_type), 'version', card_records.version,
        'revised_at', to_char(revised_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'link', '/api/v1/records/' || id)
        ORDER BY revised_at DESC, id)
     FROM card_records LEFT JOIN card_record_types ON name = record_type
     WHERE orders @> ARRAY[CAST(:order_no AS text)] AND NOT deleted) AS records
""")
)
_REACHED = {
    told.OF_OPERATIONS: "SELECT version FROM card_operations WHERE order_no || '/' || operation_no = :subject"
    " AND order_no = split_part(:subject, '/', 1)",
    told.OF_IMPORTS: "SELECT version FROM card_imports WHERE id = CAST(CAST(:subject AS text) AS uuid)",
    told.OF_RECORDS: "SELECT version FROM card_records WHERE id = CAST(CAST(:subject AS text) AS uuid)",
    told.OF_TYPES: "SELECT version FROM card_record_types WHERE name = :subject",
}
_VERSION = {topic: compile_statement(text(query)) for topic, query in _REACHED.items()}


async def sections_of(db: Database, order_no: str) -> Sections | None:
    """By name; None when no section knows the order."""
    [row] = await db.fetch(_CARD, order_no=order_no)
    found = {name: orjson.loads(row[name] or "[]") for name in ("operations", "ledger", "imports", "records")}
    return found if row["planned"] or any(found.values()) else None


async def reached(db: Database, written: Written) -> int:
    """The version of a write's subject that the cards show. Of what is on no card, any is."""
    query = _VERSION.get(written.topic or "")
    if query is None:
        return written.version
    rows = await db.fetch(query, subject=written.subject)
    return rows[0]["version"] if rows else 0
