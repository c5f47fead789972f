"""The order card, and how fresh the read models are.

Why:    one page shows what is known of an order, made of events alone (docs/adr/0009); what is made of events can be
        made again, so the last events are ordered by when they happened, no longer by when they arrived.
Phase:  expand; the number of arrival goes at once, for only this table's one consumer knew it.
Locks:  new tables; recent_events is locked for as long as its thousand rows take to rewrite.
Undo:   drops them; nothing is lost that the log does not hold. Recent events are numbered by time.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision, down_revision = "2026_11_21_order_card", "2026_11_21_uploads"

_TIME = sa.TIMESTAMP(timezone=True)
_NAMES = ("card_record_types", "card_records", "card_imports", "card_import_rows", "card_entries", "card_operations")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _progress()
    _operations()
    _entries()
    _imports()
    _records()
    _by_time()


def _progress() -> None:
    op.create_table(
        "read_model_progress",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("as_of", _TIME, comment="everything that the log held then is in the model"),
        sa.Column("lag", sa.BigInteger, nullable=False, comment="records of the topic that it has not read yet"),
        sa.Column(
            "aside", sa.BigInteger, nullable=False, comment="records that lie aside, so that the model lacks them"
        ),
        sa.Column("passed", sa.BigInteger, nullable=False, comment="offsets read, summed over the partitions"),
        sa.Column("checked_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("model", "topic", name="read_model_progress_pkey"),
        schema="gateway",
        comment="How fresh the read models are; looked at once a second by whoever feeds them",
    )


def _operations() -> None:
    op.create_table(
        "card_operations",
        sa.Column("order_no", sa.Text, nullable=False),
        sa.Column("operation_no", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("state", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("order_no", "operation_no", name="card_operations_pkey"),
        schema="gateway",
        comment="The newest state of each operation",
    )


def _entries() -> None:
    op.create_table(
        "card_entries",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("order_no", sa.Text, nullable=False),
        sa.Column("operation_no", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, comment="of the operation after the booking"),
        sa.Column("booked_at", _TIME, nullable=False),
        sa.Column("entry", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="card_entries_pkey"),
        schema="gateway",
        comment="What was booked on operations: their ledgers",
    )
    op.create_index("card_entries_order_no_idx", "card_entries", ["order_no"], schema="gateway")


def _imports() -> None:
    op.create_table(
        "card_import_rows",
        sa.Column("order_no", sa.Text, nullable=False),
        sa.Column("operation_no", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, comment="of the operation after the row"),
        sa.Column("import_id", sa.Uuid, nullable=False),
        sa.Column("row_no", sa.Integer, nullable=False, comment="its number in the sheet"),
        sa.Column("fact", sa.Text, nullable=False, comment="what the row did: created, updated"),
        sa.PrimaryKeyConstraint("order_no", "operation_no", "version", name="card_import_rows_pkey"),
        schema="gateway",
        comment="Which row of which import created or changed an operation",
    )
    op.create_table(
        "card_imports",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("file_name", sa.Text, nullable=False),
        sa.Column("uploaded_by", sa.Text, nullable=False),
        sa.Column("uploaded_at", _TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("totals", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("id", name="card_imports_pkey"),
        schema="gateway",
        comment="The newest state of each import",
    )


def _records() -> None:
    op.create_table(
        "card_records",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("record_type", sa.Text, nullable=False),
        sa.Column("revised_at", _TIME, comment="not told of records of class health"),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column(
            "orders", ARRAY(sa.Text), nullable=False, comment="that it is about, itself or one of their operations"
        ),
        sa.PrimaryKeyConstraint("id", name="card_records_pkey"),
        schema="gateway",
        comment="Which orders a record is about; never what it says",
    )
    op.create_index("card_records_orders_idx", "card_records", ["orders"], schema="gateway", postgresql_using="gin")
    op.create_table(
        "card_record_types",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="card_record_types_pkey"),
        schema="gateway",
        comment="What people call the types of records",
    )


def _by_time() -> None:
    op.add_column("recent_events", sa.Column("time", _TIME, comment="when it happened"), schema="gateway")
    op.execute("UPDATE gateway.recent_events SET time = coalesce((event ->> 'time')::timestamptz, now())")
    op.execute("ALTER TABLE gateway.recent_events ALTER COLUMN time SET NOT NULL")
    op.drop_constraint("recent_events_pkey", "recent_events", schema="gateway")
    op.drop_constraint("recent_events_entity_subject_version_key", "recent_events", schema="gateway")
    op.drop_column("recent_events", "no", schema="gateway")
    op.create_primary_key("recent_events_pkey", "recent_events", ["entity", "subject", "version"], schema="gateway")
    op.create_index("recent_events_time_idx", "recent_events", ["time"], schema="gateway")
    op.execute("COMMENT ON TABLE gateway.recent_events IS 'The last events, by the time when they happened'")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _by_arrival()
    for name in _NAMES:
        op.drop_table(name, schema="gateway")
    op.drop_table("read_model_progress", schema="gateway")


def _by_arrival() -> None:
    op.drop_index("recent_events_time_idx", "recent_events", schema="gateway")
    op.drop_constraint("recent_events_pkey", "recent_events", schema="gateway")
    op.execute("ALTER TABLE gateway.recent_events ADD COLUMN no bigint")
    op.execute(
        "UPDATE gateway.recent_events AS r SET no = n.no FROM ("
        "SELECT ctid, row_number() OVER (ORDER BY time, entity, subject, version) AS no"
        " FROM gateway.recent_events) AS n WHERE r.ctid = n.ctid"
    )
    op.execute("ALTER TABLE gateway.recent_events ALTER COLUMN no SET NOT NULL")
    op.execute("ALTER TABLE gateway.recent_events ALTER COLUMN no ADD GENERATED ALWAYS AS IDENTITY")
    op.execute(
        "SELECT setval(pg_get_serial_sequence('gateway.recent_events', 'no'), max(no)) FROM gateway.recent_events"
    )
    op.create_primary_key("recent_events_pkey", "recent_events", ["no"], schema="gateway")
    columns = ["entity", "subject", "version"]
    op.create_unique_constraint("recent_events_entity_subject_version_key", "recent_events", columns, schema="gateway")
    op.drop_column("recent_events", "time", schema="gateway")
    op.execute("COMMENT ON TABLE gateway.recent_events IS 'The last events, a few hundred'")
