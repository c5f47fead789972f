"""A place where batches of an import wait for the last one.

Why:    an import that wants all rows or none is applied in one transaction.
Phase:  expand.
Locks:  new table only.
Undo:   drops it; such imports that are under way are to be sent again.
"""

from alembic import op

from plantkit.db import machinery

revision, down_revision = "2026_11_21_import_staging", "2026_11_21_production"


def upgrade() -> None:
    machinery.create_staging(op)


def downgrade() -> None:
    machinery.drop_staging(op)
