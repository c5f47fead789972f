"""Keep what waits for the broker in a table of its own.

Why:    a mark rewrote the event and an entry in each index of the archive (docs/adr/0024).
Phase:  contract. Processes of the version before still write events; their relays tell nothing and wait to be replaced.
Locks:  the outbox, until its pending rows are copied; nothing else of it is rewritten.
Undo:   marks the outbox again, row by row; when something was published is said to be when it was recorded.
"""

from alembic import op

from plantkit.db import machinery

revision, down_revision = "2026_11_22_outbox_pending", "2026_11_21_order_card"


def upgrade() -> None:
    machinery.create_pending(op)


def downgrade() -> None:
    machinery.drop_pending(op)
