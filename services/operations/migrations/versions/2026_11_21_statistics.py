"""Index what statistics go by: when work was booked, and when it ended.

Why:    throughput, scrap and lead time of a range cost what is in the range, not what was ever booked.
Phase:  expand.
Locks:  writes to the ledger and the outbox wait while the indexes are built; gives up after 3 s rather than queue
        behind a long read. The ledger's index is tiny, the outbox's has only the ends of operations.
Undo:   drops the indexes.
"""

from alembic import op

revision, down_revision = "2026_11_21_statistics", "2026_11_21_timers"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_index(
        "ledger_entries_created_at_idx",
        "ledger_entries",
        ["created_at"],
        schema="operations",
        postgresql_using="brin",
    )
    op.execute(
        "CREATE INDEX outbox_operation_ends_idx ON outbox (time) WHERE type IN"
        " ('takt.operations.operation.finished.v1', 'takt.operations.operation.cancelled.v1')"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP INDEX outbox_operation_ends_idx")
    op.drop_index("ledger_entries_created_at_idx", "ledger_entries", schema="operations")
