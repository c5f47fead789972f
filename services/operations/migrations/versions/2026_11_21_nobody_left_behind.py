"""Archive no machine, person, workplace or operation at which work goes on.

Why:    a timer of what is archived could not be stopped any more: its machine would be at that operation for ever.
Phase:  expand. An older version that runs beside it archives such a machine no longer either.
Locks:  timers while two indexes of what runs are built, catalogue only elsewhere. Gives up after 3 s rather than queue
        behind a long read.
Undo:   drops the rules and the indexes; no data.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_nobody_left_behind", "2026_11_21_process_profiles"

_ASSETS = ("machine", "employee")
_ARCHIVED = ("machines", "employees", "workplaces", "operations")

_NOBODY_WORKS_THERE = """
CREATE FUNCTION nobody_works_there() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    works boolean;
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'machines' THEN
            works := EXISTS (SELECT FROM timers t WHERE t.machine_no = NEW.no AND t.ended_at IS NULL);
        WHEN 'employees' THEN
            works := EXISTS (SELECT FROM timers t WHERE t.employee_no = NEW.no AND t.ended_at IS NULL);
        WHEN 'operations' THEN
            works := EXISTS (SELECT FROM timers t WHERE t.operation_id = NEW.id AND t.ended_at IS NULL);
        WHEN 'workplaces' THEN
            works := EXISTS (SELECT FROM operations o WHERE o.workplace = NEW.code
                             AND o.status IN ('RELEASED', 'IN_PROGRESS') AND o.archived_at IS NULL);
    END CASE;
    IF works THEN
        RAISE EXCEPTION 'work goes on there'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_nobody_works_there_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
"""
# The locks wait for whoever archives at the same time: the foreign keys' own do not, as no key changes.
_NOBODY_IS_ARCHIVED = """
CREATE FUNCTION nobody_is_archived() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    gone boolean;
BEGIN
    SELECT m.archived_at IS NOT NULL INTO gone FROM machines m WHERE m.no = NEW.machine_no FOR SHARE;
    IF gone IS NOT TRUE THEN
        SELECT e.archived_at IS NOT NULL INTO gone FROM employees e WHERE e.no = NEW.employee_no FOR SHARE;
    END IF;
    IF gone THEN
        RAISE EXCEPTION 'the machine or the employee is archived'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'timers_nobody_is_archived_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'timers';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for asset in _ASSETS:
        runs = sa.text("ended_at IS NULL")
        name = f"timers_{asset}_no_idx"
        op.create_index(name, "timers", [f"{asset}_no"], schema="operations", postgresql_where=runs)
    op.execute(_NOBODY_WORKS_THERE)
    op.execute(_NOBODY_IS_ARCHIVED)
    for table in _ARCHIVED:
        op.execute(
            f"CREATE TRIGGER nobody_works_there AFTER UPDATE OF archived_at ON {table} FOR EACH ROW"
            " WHEN (NEW.archived_at IS NOT NULL AND OLD.archived_at IS NULL) EXECUTE FUNCTION nobody_works_there()"
        )
    op.execute(
        "CREATE TRIGGER nobody_is_archived AFTER INSERT ON timers FOR EACH ROW EXECUTE FUNCTION nobody_is_archived()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER nobody_is_archived ON timers")
    for table in _ARCHIVED:
        op.execute(f"DROP TRIGGER nobody_works_there ON {table}")
    op.execute("DROP FUNCTION nobody_is_archived()")
    op.execute("DROP FUNCTION nobody_works_there()")
    for asset in _ASSETS:
        op.drop_index(f"timers_{asset}_no_idx", "timers", schema="operations")
