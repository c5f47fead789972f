"""Timers of operations, and the qualification that an operation takes.

Why:    setup, machine and labour time; a machine or a person is not in two places, whatever the code does (ADR 21).
Phase:  expand.
Locks:  a new table; a column without a default, which rewrites nothing. Gives up after 3 s.
Undo:   drops both; the times are lost, their events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_timers", "2026_11_21_flow"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.add_column("operations", sa.Column("qualification", sa.String(40)), schema="operations")
    op.create_table(
        "timers",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("operation_id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("machine_no", sa.BigInteger),
        sa.Column("employee_no", sa.BigInteger),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("started_by", sa.String(200), nullable=False),
        sa.Column("ended_at", _TIME),
        sa.Column("ended_by", sa.String(200)),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="timers_pkey"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.operations.id"], name="timers_operation_id_fkey"),
        sa.ForeignKeyConstraint(["machine_no"], ["operations.machines.no"], name="timers_machine_no_fkey"),
        sa.ForeignKeyConstraint(["employee_no"], ["operations.employees.no"], name="timers_employee_no_fkey"),
        _check("kind_is_known", "kind IN ('setup', 'machine', 'labor')"),
        _check("machine_time_has_a_machine", "kind <> 'machine' OR machine_no IS NOT NULL"),
        _check("labor_has_an_employee", "kind <> 'labor' OR employee_no IS NOT NULL"),
        _check("somebody_is_there", "machine_no IS NOT NULL OR employee_no IS NOT NULL"),
        _check("ends_after_start", "ended_at >= started_at"),
        _check("end_is_whole", "(ended_at IS NULL) = (ended_by IS NULL)"),
        schema="operations",
        comment="Machines and people at operations: setup, machine and labour time",
    )
    for asset in ("machine", "employee"):
        op.execute(
            f"ALTER TABLE operations.timers ADD CONSTRAINT timers_{asset}_in_one_place_excl EXCLUDE USING gist"
            f" (int8range({asset}_no, {asset}_no, '[]') WITH &&, tstzrange(started_at, ended_at) WITH &&)"
            f" WHERE ({asset}_no IS NOT NULL)"
        )
    op.create_index("timers_operation_id_id_idx", "timers", ["operation_id", "id"], schema="operations")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON operations.timers FROM operations_app")
    op.execute("GRANT UPDATE (ended_at, ended_by) ON operations.timers TO operations_app")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_table("timers", schema="operations")
    op.drop_column("operations", "qualification", schema="operations")


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"timers_{name}_check"))
