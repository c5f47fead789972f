"""Add workshop entries.

Why:    what was done at a machine, with which process profile, by whom and how it came out.
Phase:  expand.
Locks:  a new table.
Undo:   drops it; entries are lost, their events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_workshop_entries", "2026_11_21_skills_and_routing"

_TIME = sa.TIMESTAMP(timezone=True)
_INDEXES = (
    ("machine", "performed_at", "no"),
    ("result", "performed_at", "no"),
    ("performed_at", "no"),
    ("order_no", "operation_no"),
    ("author", "no"),
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "workshop_entries",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("no", sa.String(40), nullable=False),
        sa.Column("machine", sa.String(40), nullable=False),
        sa.Column("order_no", sa.String(40)),
        sa.Column("operation_no", sa.String(40)),
        sa.Column("profile", sa.Uuid),
        sa.Column("profile_version", sa.BigInteger),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("performed_at", _TIME),
        sa.Column("note", sa.String(2000)),
        sa.Column("author", sa.String(200), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("archived_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="workshop_entries_pkey"),
        sa.UniqueConstraint("no", name="workshop_entries_no_key"),
        sa.ForeignKeyConstraint(["machine"], ["operations.machines.code"], name="workshop_entries_machine_fkey"),
        sa.ForeignKeyConstraint(
            ["order_no", "operation_no"],
            ["operations.operations.order_no", "operations.operations.operation_no"],
            name="workshop_entries_order_no_operation_no_fkey",
        ),
        _check("result_is_known", "result IN ('ok', 'rework', 'scrap')"),
        _check("operation_has_an_order", "operation_no IS NULL OR order_no IS NOT NULL"),
        _check("profile_is_whole", "(profile IS NULL) = (profile_version IS NULL)"),
        _check("profile_version_is_positive", "profile_version > 0"),
        schema="operations",
        comment="What was done at machines, and how it came out",
    )
    for columns in _INDEXES:
        name = f"workshop_entries_{'_'.join(columns)}_idx"
        op.create_index(name, "workshop_entries", list(columns), schema="operations")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_table("workshop_entries", schema="operations")


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"workshop_entries_{name}_check"))
