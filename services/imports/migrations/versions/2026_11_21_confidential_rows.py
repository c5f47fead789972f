"""Remember when the rows of an import were purged that are not for everyone.

Why:    rows of health records are kept for seven days only (docs/adr/0022).
Phase:  expand.
Locks:  a short one on import_work; a column without a default rewrites nothing.
Undo:   drops the column; which imports were purged is lost, their rows stay gone.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_confidential_rows", "2026_11_21_jobs"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column(
        "import_work",
        sa.Column(
            "rows_purged_at",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="of an import that is not for everyone",
        ),
        schema="imports",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_column("import_work", "rows_purged_at", schema="imports")
