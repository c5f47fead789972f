"""Let transport orders and workshop entries name work orders that exist.

Why:    what is shipped or noted for a work order is found from it; a number that nobody has is refused by its field.
Phase:  expand. What was entered before is not checked; the constraints hold for every change from now on.
Locks:  short ones on three tables; gives up after 3 s rather than queue behind a long read.
Undo:   drops the constraints.
"""

from alembic import op

revision, down_revision = "2026_11_21_orders_named", "2026_11_21_work_orders"

_TABLES = ("transport_orders", "workshop_entries")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in _TABLES:
        op.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {table}_order_no_fkey"
            " FOREIGN KEY (order_no) REFERENCES work_orders (order_no) NOT VALID"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_order_no_fkey")
