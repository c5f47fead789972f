"""Files that came in through the door.

Why:    an upload is a row and an event in one transaction; the import that it becomes has its id.
Phase:  expand.
Locks:  a new table only.
Undo:   drops it; the events stay, and the files lie in the object store until they are swept.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_uploads", "2026_11_21_activity"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "uploads",
        sa.Column("id", sa.Uuid, nullable=False, comment="the id of its import, too"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False, comment="as its sender called it; never a path"),
        sa.Column("content_type", sa.String(200), nullable=False, comment="as its sender called it"),
        sa.Column("dataref", sa.String(500), nullable=False, comment="key in the object store"),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("template", sa.String(40)),
        sa.Column("target", sa.String(40)),
        sa.Column("mode", sa.String(20), nullable=False),
        sa.Column("atomic", sa.Boolean, nullable=False),
        sa.Column("on_duplicate", sa.String(20), nullable=False),
        sa.Column("uploaded_by", sa.String(200), nullable=False),
        sa.Column("held_roles", sa.String(200), nullable=False, comment="of the sender then; with blanks between"),
        sa.Column("uploaded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="uploads_pkey"),
        sa.UniqueConstraint("dataref", name="uploads_dataref_key"),
        sa.CheckConstraint("bytes > 0", name=op.f("uploads_is_not_empty_check")),
        sa.Index("uploads_uploaded_by_idx", "uploaded_by", "uploaded_at"),
        schema="gateway",
        comment="Files as they were handed in at the door",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_table("uploads", schema="gateway")
