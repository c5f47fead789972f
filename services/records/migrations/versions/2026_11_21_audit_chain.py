"""The audit chains and their signed checkpoints.

Why:    who can write the database must not be able to change what was told without being found out (docs/adr/0017).
Phase:  expand.
Locks:  new tables only.
Undo:   drops both; the log still has every entry and every checkpoint, but the chain is a new one afterwards.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_audit_chain", "2026_11_21_types_say_more"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_chain()
    _create_checkpoints()
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON audit_chain, audit_checkpoints FROM records_app")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("audit_checkpoints", "audit_chain"):
        op.drop_table(table, schema="records")


def _create_chain() -> None:
    op.create_table(
        "audit_chain",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column(
            "stream", sa.String(40), nullable=False, comment="the service that told it; versions: what records holds"
        ),
        sa.Column("seq", sa.BigInteger, nullable=False, comment="counts the entries of a stream from 1 without gaps"),
        sa.Column("link", sa.Text, nullable=False, comment="the entry with its place, canonical (RFC 8785)"),
        sa.Column(
            "hashes", sa.Text, nullable=False, comment="of the link as leaf, and of the subtrees that it completes"
        ),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(200)),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("resource", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("version", sa.BigInteger),
        sa.Column("request_id", sa.Text),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_chain_pkey"),
        sa.UniqueConstraint("stream", "seq", name="audit_chain_stream_seq_key"),
        schema="records",
        comment="The audit entries of every service, one chain each; append-only",
    )
    for columns in (["subject", "resource"], ["request_id"]):
        op.create_index(f"audit_chain_{'_'.join(columns)}_idx", "audit_chain", columns, schema="records")


def _create_checkpoints() -> None:
    op.create_table(
        "audit_checkpoints",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("stream", sa.String(40), nullable=False),
        sa.Column(
            "number", sa.BigInteger, nullable=False, comment="counts the checkpoints of a stream from 1 without gaps"
        ),
        sa.Column("size", sa.BigInteger, nullable=False, comment="how many entries it covers"),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False, comment="digest of the checkpoint before"),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="audit_checkpoints_pkey"),
        sa.UniqueConstraint("stream", "number", name="audit_checkpoints_stream_number_key"),
        schema="records",
        comment="Signed roots of the chains, as published; append-only",
    )
