"""A place for batches of imports that want all rows or none.

Why:    record types are targets of imports; such an import waits here until its last batch has come (docs/adr/0022).
Phase:  expand.
Locks:  a new table only.
Undo:   drops it; imports whose rows were to take effect together and that are half-way have to be uploaded again.
"""

from alembic import op

from plantkit.db import machinery

revision, down_revision = "2026_11_21_rows_of_records", "2026_11_21_audit_chain"


def upgrade() -> None:
    machinery.create_staging(op)


def downgrade() -> None:
    machinery.drop_staging(op)
