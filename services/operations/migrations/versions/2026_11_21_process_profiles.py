"""Process profiles, and which version of one an operation or an item is held to.

Why:    what a profile limits is checked, and what it requires blocks a finish (ADR 23).
Phase:  expand.
Locks:  a new table; columns without a default, which rewrite nothing; constraints on columns that are null everywhere,
        checked in one look at the tables. Gives up after 3 s.
Undo:   drops them; the bindings are lost, their events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_process_profiles", "2026_11_21_orders_named"

_STEPS_ARE_RECORDED = """
CREATE OR REPLACE FUNCTION steps_are_recorded() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM jsonb_array_elements(NEW.steps{more}) wanted
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
_OF_THE_PROFILE = """ || coalesce((
            SELECT p.steps FROM items i JOIN process_profiles p ON p.record = coalesce(NEW.profile, i.profile)
            AND p.version = coalesce(NEW.profile_version, i.profile_version) WHERE i.code = NEW.item), '[]')"""
_TRIGGER = (
    "CREATE TRIGGER steps_are_recorded AFTER UPDATE OF status ON operations FOR EACH ROW"
    " WHEN (NEW.status = 'FINISHED' AND OLD.status <> 'FINISHED'{more}) EXECUTE FUNCTION steps_are_recorded()"
)
_BOUND = ("operations", "items")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.create_table(
        "process_profiles",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("record", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("steps", JSONB, nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="process_profiles_pkey"),
        sa.UniqueConstraint("record", "version", name="process_profiles_record_version_key"),
        schema="operations",
        comment="Final versions of process profiles, as records tells them; append-only",
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON operations.process_profiles FROM operations_app")
    for table in _BOUND:
        _bind(table)
    op.execute(_STEPS_ARE_RECORDED.format(more=_OF_THE_PROFILE))
    op.execute("DROP TRIGGER steps_are_recorded ON operations")
    op.execute(_TRIGGER.format(more=""))


def _bind(table: str) -> None:
    op.add_column(table, sa.Column("profile", sa.Uuid), schema="operations")
    op.add_column(table, sa.Column("profile_version", sa.BigInteger), schema="operations")
    op.create_check_constraint(
        op.f(f"{table}_profile_is_whole_check"),
        table,
        "(profile IS NULL) = (profile_version IS NULL)",
        schema="operations",
    )
    op.create_foreign_key(
        f"{table}_profile_profile_version_fkey",
        table,
        "process_profiles",
        ["profile", "profile_version"],
        ["record", "version"],
        source_schema="operations",
        referent_schema="operations",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER steps_are_recorded ON operations")
    op.execute(_STEPS_ARE_RECORDED.format(more=""))
    op.execute(_TRIGGER.format(more=" AND NEW.steps <> '[]'"))
    for table in reversed(_BOUND):
        op.drop_column(table, "profile_version", schema="operations")
        op.drop_column(table, "profile", schema="operations")
    op.drop_table("process_profiles", schema="operations")
