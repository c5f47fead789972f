"""What happened last, and the newest state of every subject.

Why:    the page at / shows it, and later read models start from it; both are rebuilt from the log.
Phase:  expand.
Locks:  new tables only.
Undo:   drops them; nothing is lost that the log does not hold.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_activity", "2026_11_21_identity"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "subjects",
        sa.Column("entity", sa.Text, nullable=False, comment="takt.<service>.<entity>, the topic"),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False, comment="type of its newest event"),
        sa.Column("state", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("entity", "subject", name="subjects_pkey"),
        schema="gateway",
        comment="The newest state of every subject, by the version guard",
    )
    op.create_table(
        "recent_events",
        sa.Column("no", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="order of arrival here"),
        sa.Column("entity", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("event", JSONB, nullable=False, comment="the CloudEvent in JSON"),
        sa.PrimaryKeyConstraint("no", name="recent_events_pkey"),
        sa.UniqueConstraint("entity", "subject", "version", name="recent_events_entity_subject_version_key"),
        schema="gateway",
        comment="The last events, a few hundred",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_table("recent_events", schema="gateway")
    op.drop_table("subjects", schema="gateway")
