"""The tables that every service has: outbox, relay slots, inbox, parking, idempotency.

Why:    one command is one transaction, and what it tells waits in the outbox (docs/adr/0001).
Phase:  expand.
Locks:  new tables only.
Undo:   drops them; events, answers and parked records kept there are lost.
"""

from alembic import op

from plantkit.db import machinery

revision, down_revision = "2026_11_21_machinery", None


def upgrade() -> None:
    machinery.create(op)


def downgrade() -> None:
    machinery.drop(op)
