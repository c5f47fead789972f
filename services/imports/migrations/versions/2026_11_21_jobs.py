"""Imports with their rows, what was sent of them, what was answered, and the worker's part.

Why:    a workbook becomes facts; its rows are kept by the batch (docs/adr/0010).
Phase:  expand.
Locks:  new tables only.
Undo:   drops them; how imports went is lost, what they did stays with the owners and in the log.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_jobs", "2026_11_21_machinery"

_TIME = sa.TIMESTAMP(timezone=True)
_SUM = "total_created + total_updated + total_unchanged + total_rejected + total_stale + total_undone + total_conflict"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_imports()
    _create_import_batches()
    _create_import_dispatches()
    _create_import_results()
    _create_import_work()
    # Rows are read whole and soon; compressing them would cost more than the room it saves.
    op.execute("ALTER TABLE import_batches ALTER COLUMN rows SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("import_work", "import_results", "import_dispatches", "import_batches", "imports"):
        op.drop_table(table, schema="imports")


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("file_name", sa.String(length=200), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("dataref", sa.String(length=500), nullable=False, comment="key in the object store"),
        sa.Column("template", sa.String(length=40), nullable=True),
        sa.Column("target", sa.String(length=40), nullable=True),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("atomic", sa.Boolean(), nullable=False),
        sa.Column("on_duplicate", sa.String(length=10), nullable=False),
        sa.Column("uploaded_by", sa.String(length=200), nullable=False),
        sa.Column("held_roles", sa.String(length=200), nullable=False, comment="of the uploader, with blanks between"),
        sa.Column("uploaded_at", _TIME, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("waits", sa.Boolean(), nullable=False, comment="for a person to map its columns"),
        sa.Column("by_person", sa.Boolean(), nullable=False, comment="whether a person mapped its columns"),
        sa.Column("reason_code", sa.String(length=100), nullable=True),
        sa.Column("reason_detail", sa.Text(), nullable=True),
        sa.Column("sheet", sa.Text(), nullable=True),
        sa.Column("header_row", sa.BigInteger(), nullable=True),
        sa.Column("mapping_json", JSONB, nullable=False),
        sa.Column("suggestions_json", JSONB, nullable=False),
        sa.Column("warnings_json", JSONB, nullable=False),
        sa.Column("plan_hash", sa.String(length=64), nullable=True, comment="sha256 of what the plan said of each row"),
        sa.Column("total_rows", sa.BigInteger(), nullable=False),
        sa.Column("total_created", sa.BigInteger(), nullable=False),
        sa.Column("total_updated", sa.BigInteger(), nullable=False),
        sa.Column("total_unchanged", sa.BigInteger(), nullable=False),
        sa.Column("total_rejected", sa.BigInteger(), nullable=False),
        sa.Column("total_stale", sa.BigInteger(), nullable=False),
        sa.Column("total_undone", sa.BigInteger(), nullable=False),
        sa.Column("total_conflict", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.CheckConstraint(
            "(state = 'failed') = (reason_code IS NOT NULL)", name=op.f("imports_failed_has_a_reason_check")
        ),
        sa.CheckConstraint(
            "state IN ('uploaded', 'parsed', 'mapped', 'validated', 'planned', 'committing', 'done', 'failed',"
            " 'cancelled', 'undone')",
            name=op.f("imports_state_is_known_check"),
        ),
        sa.CheckConstraint(
            f"total_rows = {_SUM} OR state NOT IN ('cancelled', 'done', 'failed', 'undone')",
            name=op.f("imports_ended_sums_up_check"),
        ),
        sa.CheckConstraint(
            f"total_rows >= {_SUM}",
            name=op.f("imports_no_row_counts_twice_check"),
        ),
        sa.CheckConstraint("version > 0", name=op.f("imports_version_is_positive_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("imports_pkey")),
        schema="imports",
        comment="Files on their way from the inbox to the plant's log",
    )
    op.create_index(op.f("imports_state_idx"), "imports", ["state"], unique=False, schema="imports")
    op.create_index(op.f("imports_uploaded_at_idx"), "imports", ["uploaded_at"], unique=False, schema="imports")


def _create_import_batches() -> None:
    op.create_table(
        "import_batches",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("chunk", sa.Integer(), autoincrement=False, nullable=False, comment="order in the file"),
        sa.Column("batch", sa.Integer(), nullable=True, comment="number as it is sent; null where no row is valid"),
        sa.Column("first_row", sa.BigInteger(), nullable=False),
        sa.Column("last_row", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.Integer(), nullable=False, comment="valid rows"),
        sa.Column("rejected", sa.ARRAY(sa.BigInteger()), nullable=False, comment="numbers of rows that are not valid"),
        sa.Column("rows", sa.Text(), nullable=False, comment="JSON: [[number, value, ...], ...]"),
        sa.Column(
            "errors", sa.Text(), nullable=False, comment="JSON: what is wrong with the rejected ones, cell by cell"
        ),
        sa.ForeignKeyConstraint(["import_id"], ["imports.imports.id"], name=op.f("import_batches_import_id_fkey")),
        sa.PrimaryKeyConstraint("import_id", "chunk", name=op.f("import_batches_pkey")),
        schema="imports",
        comment="Rows as they were read, up to 500 in one row of this table",
    )
    op.create_index("import_batches_batch_idx", "import_batches", ["import_id", "batch"], unique=True, schema="imports")


def _create_import_dispatches() -> None:
    op.create_table(
        "import_dispatches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False, comment="version of the last one that was sent"),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("batches", sa.Integer(), nullable=False, comment="how many there are to send in a phase"),
        sa.Column("last_batch", sa.Integer(), nullable=False, comment="the last one sent or left out in this phase"),
        sa.Column("outstanding", sa.Integer(), nullable=False),
        sa.Column("invalid", sa.BigInteger(), nullable=False, comment="rows that were rejected when they were read"),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("has_plan", sa.Boolean(), nullable=False),
        sa.Column("rows_sent", sa.BigInteger(), nullable=False),
        sa.Column("rows_answered", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("stale", sa.BigInteger(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.CheckConstraint(
            "outstanding >= 0 AND last_batch <= batches", name=op.f("import_dispatches_nothing_is_answered_twice_check")
        ),
        sa.ForeignKeyConstraint(["id"], ["imports.imports.id"], name=op.f("import_dispatches_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("import_dispatches_pkey")),
        schema="imports",
        comment="How far the rows of an import have gone to their owner and back",
    )


def _create_import_results() -> None:
    op.create_table(
        "import_results",
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("phase", sa.String(length=10), nullable=False),
        sa.Column("batch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column(
            "states", sa.Text(), nullable=False, comment="a letter for each valid row of the batch, in its order"
        ),
        sa.Column("versions", sa.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("refusals", sa.Text(), nullable=False, comment="JSON: why rows were rejected or stale"),
        sa.Column("changes", sa.Text(), nullable=False, comment="JSON: values before, of rows that change"),
        sa.ForeignKeyConstraint(["import_id"], ["imports.imports.id"], name=op.f("import_results_import_id_fkey")),
        sa.PrimaryKeyConstraint("import_id", "phase", "batch", name=op.f("import_results_pkey")),
        schema="imports",
        comment="What owners answered, batch by batch",
    )


def _create_import_work() -> None:
    op.create_table(
        "import_work",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task", sa.String(length=10), nullable=False, comment="read or send"),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("rows_rejected", sa.BigInteger(), nullable=False),
        sa.Column("batches", sa.Integer(), nullable=False),
        sa.Column("fields", JSONB, nullable=False, comment="what the values of its rows are, behind the row's number"),
        sa.Column("file_deleted_at", _TIME, nullable=True),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("not_before", _TIME, nullable=False),
        sa.Column("owner", sa.String(length=40), nullable=True),
        sa.Column("epoch", sa.BigInteger(), nullable=False, comment="fencing number; grows with each owner"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="claims since it was last begun"),
        sa.Column("lease_until", _TIME, nullable=True),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["id"], ["imports.imports.id"], name=op.f("import_work_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("import_work_pkey")),
        schema="imports",
        comment="What the import worker has to do, leased to one worker at a time",
    )
    op.create_index(
        "import_work_open",
        "import_work",
        ["id"],
        unique=False,
        schema="imports",
        postgresql_where=sa.text("finished_at IS NULL"),
    )
