"""Let the service add to its archive only.

Why:    what happened is never changed and never deleted; until now that was the service's own word.
Phase:  contract. Nothing of the version before changes the outbox.
Locks:  none: rights, and the function that makes the months ahead.
Undo:   loses nothing.
"""

from alembic import op

from plantkit.db import machinery

revision, down_revision = "2026_11_22_outbox_sealed", "2026_11_22_outbox_pending"


def upgrade() -> None:
    machinery.seal_outbox(op)


def downgrade() -> None:
    machinery.unseal_outbox(op)
