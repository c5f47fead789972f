"""Search index.

Why:    `q` read the text of every row (docs/adr/0025).
Phase:  expand.
Locks:  each table that is searched, against writes, while its index is built.
Undo:   loses nothing; `q` reads every row again.
"""

import sqlalchemy as sa
from alembic import op

from plantkit.db import machinery

revision, down_revision = "2026_11_22_search_index", "2026_11_22_outbox_pending"

SEARCHED = {
    "drivers": "code, name, phone",
    "employees": "code, name",
    "equipment": "code, name, serial_no",
    "items": "code, name, category",
    "machines": "code, name, serial_no",
    "terminals": "code, name, account_code, address",
    "trailers": "code, name, plate",
    "transport_orders": "no, order_no, terminal, outbound_driver, outbound_truck, outbound_trailer",
    "trucks": "code, name, plate",
    "work_orders": "order_no, name, item",
    "workplaces": "code, name, area",
    "workshop_entries": "no, machine, order_no, note",
}


def upgrade() -> None:
    machinery.create_trigrams(op)
    for table, columns in SEARCHED.items():
        texts: list[sa.ColumnElement[str]] = [sa.literal_column(f"trigrams({columns})")]
        op.create_index(f"{table}_search_idx", table, texts, schema="operations", postgresql_using="gin")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in SEARCHED:
        op.drop_index(f"{table}_search_idx", table_name=table, schema="operations")
    machinery.drop_trigrams(op)
