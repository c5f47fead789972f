"""Steps of operations, and what is recorded of them.

Why:    measurements, answers and photographs that operators owe; what is required blocks a finish (ADR 21).
Phase:  expand.
Locks:  a new table; a column with a constant default, which rewrites nothing. Gives up after 3 s.
Undo:   drops both; what was recorded is lost, its events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_steps", "2026_11_21_workshop_lists"

_STEPS_ARE_RECORDED = """
CREATE FUNCTION steps_are_recorded() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM jsonb_array_elements(NEW.steps) wanted
        WHERE (wanted ->> 'required')::boolean AND NOT coalesce((
            SELECT r.is_within_limits FROM step_records r
            WHERE r.operation_id = NEW.id AND r.step = wanted ->> 'step' ORDER BY r.id DESC LIMIT 1), false))
    THEN
        RAISE EXCEPTION 'required steps are not recorded'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'operations_steps_are_recorded_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'operations';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    empty = sa.text("'[]'::jsonb")
    op.add_column("operations", sa.Column("steps", JSONB, nullable=False, server_default=empty), schema="operations")
    op.create_check_constraint("steps_is_a_list", "operations", "jsonb_typeof(steps) = 'array'", schema="operations")
    op.create_table(
        "step_records",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("operation_id", sa.Uuid, nullable=False),
        sa.Column("step", sa.String(40), nullable=False),
        sa.Column("value", sa.String(200), nullable=False),
        sa.Column("is_within_limits", sa.Boolean, nullable=False),
        sa.Column("comment", sa.String(200)),
        sa.Column("recorded_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="step_records_pkey"),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.operations.id"], name="step_records_operation_id_fkey"),
        schema="operations",
        comment="What was recorded of the steps of operations; append-only",
    )
    for columns in (["operation_id", "step", "id"], ["operation_id", "id"]):
        op.create_index(f"step_records_{'_'.join(columns)}_idx", "step_records", columns, schema="operations")
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON operations.step_records FROM operations_app")
    op.execute(_STEPS_ARE_RECORDED)
    op.execute(
        "CREATE TRIGGER steps_are_recorded AFTER UPDATE OF status ON operations FOR EACH ROW"
        " WHEN (NEW.status = 'FINISHED' AND OLD.status <> 'FINISHED' AND NEW.steps <> '[]')"
        " EXECUTE FUNCTION steps_are_recorded()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER steps_are_recorded ON operations")
    op.execute("DROP FUNCTION steps_are_recorded()")
    op.drop_table("step_records", schema="operations")
    op.drop_column("operations", "steps", schema="operations")
