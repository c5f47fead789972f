"""Read what was handed over only when the operation before is held.

Why:    FOR KEY SHARE waits for a correction that takes good back, and then answers the row as it was before: PostgreSQL
        looks for a newer version only where the lock conflicts with the update itself. A report that waited so was held
        against what was not there any more.
Phase:  expand.
Locks:  catalogue only.
Undo:   reads while it locks, as before.
"""

from alembic import op

revision, down_revision = "2026_11_21_flow_read_anew", "2026_11_21_vehicle_loads"

_KEEP_FLOW = """
CREATE OR REPLACE FUNCTION keep_flow() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off AS $$
DECLARE
    flowed boolean := OLD.status <> 'CANCELLED' AND OLD.archived_at IS NULL;
    flows boolean := NEW.status <> 'CANCELLED' AND NEW.archived_at IS NULL;
    gives_less boolean := flowed AND (NOT flows OR NEW.qty_good < OLD.qty_good);
    given numeric;
    giver uuid;
    held uuid;
    taker record;
BEGIN
    IF gives_less THEN
        PERFORM FROM operations o WHERE o.id = NEW.id FOR UPDATE;
    END IF;
    IF flows AND NOT flowed THEN
        PERFORM FROM operations o
        WHERE o.order_no = NEW.order_no AND o.operation_no > NEW.operation_no
          AND o.status <> 'CANCELLED' AND o.archived_at IS NULL
        ORDER BY o.operation_no LIMIT 1 FOR SHARE;
    END IF;
{given}
    IF flows AND NEW.qty_processed * 100 > given * (100 + NEW.tolerance_percent) THEN
        PERFORM broken_flow('within_handed_over');
    END IF;
    IF given = 0 AND OLD.status = 'RELEASED' AND NEW.status = 'IN_PROGRESS' THEN
        PERFORM broken_flow('something_handed_over');
    END IF;
    IF gives_less OR flows AND NOT flowed THEN
        SELECT o.qty_processed, o.tolerance_percent INTO taker FROM operations o
        WHERE o.order_no = NEW.order_no AND o.operation_no > NEW.operation_no
          AND o.status <> 'CANCELLED' AND o.archived_at IS NULL
        ORDER BY o.operation_no LIMIT 1;
        IF flows THEN
            given := NEW.qty_good;
        END IF;
        IF taker.qty_processed * 100 > given * (100 + taker.tolerance_percent) THEN
            PERFORM broken_flow('consumed_is_covered');
        END IF;
    END IF;
    RETURN NULL;
END $$
"""
# Each statement sees what was committed before it: once the one before is held, the next look is the one that counts,
# unless that one has left the flow meanwhile and another stands before.
_HELD_THEN_READ = """
    LOOP
        SELECT o.id, o.qty_good INTO giver, given FROM operations o
        WHERE o.order_no = NEW.order_no AND o.operation_no < NEW.operation_no
          AND o.status <> 'CANCELLED' AND o.archived_at IS NULL
        ORDER BY o.operation_no DESC LIMIT 1;
        EXIT WHEN giver IS NOT DISTINCT FROM held;
        PERFORM FROM operations o WHERE o.id = giver FOR KEY SHARE;
        held := giver;
    END LOOP;
"""
_READ_WHILE_LOCKED = """
    SELECT o.qty_good INTO given FROM operations o
    WHERE o.order_no = NEW.order_no AND o.operation_no < NEW.operation_no
      AND o.status <> 'CANCELLED' AND o.archived_at IS NULL
    ORDER BY o.operation_no DESC LIMIT 1 FOR KEY SHARE;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_KEEP_FLOW.replace("{given}", _HELD_THEN_READ))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_KEEP_FLOW.replace("{given}", _READ_WHILE_LOCKED))
