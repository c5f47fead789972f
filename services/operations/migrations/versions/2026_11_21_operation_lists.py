"""An index for each field that lists of operations filter and sort by.

Why:    a page of ten million operations costs what a page of ten costs, whatever one filter leaves (ADR 21).
Phase:  expand and contract at once: the index of an item alone is a prefix of the new one.
Locks:  writes to operations wait while the indexes are built; gives up after 3 s rather than queue behind a long read.
Undo:   the indexes as they were.
"""

from alembic import op

revision, down_revision = "2026_11_21_operation_lists", "2026_11_21_assets_and_people"

_FIELDS = ("workplace", "item", "status", "planned_start")
_KEY = ["order_no", "operation_no"]


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for field in _FIELDS:
        op.create_index(
            f"operations_{field}_order_no_operation_no_idx", "operations", [field, *_KEY], schema="operations"
        )
    op.drop_index("operations_item_idx", "operations", schema="operations")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index("operations_item_idx", "operations", ["item"], schema="operations")
    for field in _FIELDS:
        op.drop_index(f"operations_{field}_order_no_operation_no_idx", "operations", schema="operations")
