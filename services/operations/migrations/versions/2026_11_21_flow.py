"""Let operations hand over what they report, correct what was reported, allow a tolerance, and count by counters.

Why:    one order's operations are one flow (ADR 19): none processes more than the one before has handed over.
Phase:  expand. An older version that runs beside it writes neither corrections nor counters; its reports and starts are
        held to the flow too.
Locks:  operations and ledger exclusively, for catalogue changes; two small indexes. Gives up after 3 s rather than
        queue behind a long read. Stops where an operation is due before its planned start: clear one of them first.
Undo:   drops columns and rules; what corrections and counters said of themselves is lost, the sums stay.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_flow", "2026_11_21_transport_orders"

_QUANTITY = sa.Numeric(18, 6)

_ENTRY_CONTINUES = """
CREATE OR REPLACE FUNCTION entry_continues() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM operations o WHERE o.id = NEW.operation_id AND o.entries >= NEW.entry_no)
       OR NEW.entry_no = 1 AND (NEW.good_total, NEW.scrap_total, NEW.rework_total) <> (NEW.good, NEW.scrap, NEW.rework)
       OR NEW.entry_no > 1 AND NOT EXISTS (
           SELECT FROM ledger_entries p
           WHERE p.operation_id = NEW.operation_id AND p.entry_no = NEW.entry_no - 1
             AND p.good_total + NEW.good = NEW.good_total AND p.scrap_total + NEW.scrap = NEW.scrap_total
             AND p.rework_total + NEW.rework = NEW.rework_total){more}
    THEN
        RAISE EXCEPTION 'the entry does not continue the ledger'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_entry_continues_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'ledger_entries';
    END IF;
    RETURN NULL;
END $$
"""
# A correction makes an earlier entry of the same operation say something that a report may say. A counter goes on where
# it stood, or, with a reason, further on or at 0.
_OF_OTHERS = """
       OR NEW.corrects IS NOT NULL AND NOT EXISTS (
           SELECT FROM ledger_entries w
           WHERE w.id = NEW.corrects AND w.operation_id = NEW.operation_id AND w.entry_no < NEW.entry_no
             AND w.kind <> 'correction'
             AND w.good + NEW.good >= 0 AND w.scrap + NEW.scrap >= 0 AND w.rework + NEW.rework >= 0)
       OR NEW.counter_start IS NOT NULL AND EXISTS (
           SELECT FROM (
               SELECT c.counter_end FROM ledger_entries c
               WHERE c.operation_id = NEW.operation_id AND c.entry_no < NEW.entry_no AND c.counter_end IS NOT NULL
               ORDER BY c.entry_no DESC LIMIT 1) AS last
           WHERE NEW.counter_start <> last.counter_end
             AND (NEW.counter_reason IS NULL OR NEW.counter_start < last.counter_end AND NEW.counter_start <> 0))"""

_BROKEN_FLOW = """
CREATE FUNCTION broken_flow(rule text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the flow of the order is broken'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'operations_' || rule || '_check',
              SCHEMA = 'operations', TABLE = 'operations';
END $$
"""
# Plans are kept by the session: one made while the table was small must not scan it when it is large.
#
# Who takes holds the row of the one before FOR KEY SHARE, which reports on that one do not wait for. Who gives less, or
# leaves the flow, waits for those who take, by FOR UPDATE on its own row, and only then looks at what they took. Who
# comes back into the flow holds the one after, as it would else go on by what the one before it handed over.
_KEEP_FLOW = """
CREATE FUNCTION keep_flow() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off AS $$
DECLARE
    flowed boolean := OLD.status <> 'CANCELLED' AND OLD.archived_at IS NULL;
    flows boolean := NEW.status <> 'CANCELLED' AND NEW.archived_at IS NULL;
    gives_less boolean := flowed AND (NOT flows OR NEW.qty_good < OLD.qty_good);
    given numeric;
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
    SELECT o.qty_good INTO given FROM operations o
    WHERE o.order_no = NEW.order_no AND o.operation_no < NEW.operation_no
      AND o.status <> 'CANCELLED' AND o.archived_at IS NULL
    ORDER BY o.operation_no DESC LIMIT 1 FOR KEY SHARE;
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
# As rows come by the thousand, those of a statement are looked at together. Whoever adds to a sequence holds all that
# is in it: an operation that reports at the same time would else not see the new one before it.
_KEEP_FLOW_OF_NEW = """
CREATE FUNCTION keep_flow_of_new() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    broken record;
BEGIN
    PERFORM FROM operations o
    WHERE o.order_no IN (SELECT a.order_no FROM added a) AND o.id NOT IN (SELECT a.id FROM added a)
    ORDER BY o.order_no, o.operation_no FOR SHARE OF o;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM added a WHERE a.qty_processed > 0) THEN
        RETURN NULL;
    END IF;
    SELECT s.id INTO broken FROM (
        SELECT o.id, o.qty_processed, o.tolerance_percent,
               lag(o.qty_good) OVER (PARTITION BY o.order_no ORDER BY o.operation_no) AS given
        FROM operations o
        WHERE o.order_no IN (SELECT a.order_no FROM added a) AND o.status <> 'CANCELLED' AND o.archived_at IS NULL) s
    WHERE s.qty_processed * 100 > s.given * (100 + s.tolerance_percent) LIMIT 1;
    IF FOUND THEN
        PERFORM broken_flow(CASE WHEN broken.id IN (SELECT a.id FROM added a) THEN 'within_handed_over'
                                 ELSE 'consumed_is_covered' END);
    END IF;
    RETURN NULL;
END $$
"""
_ON_UPDATE = """
CREATE TRIGGER keep_flow AFTER UPDATE OF qty_good, qty_processed, tolerance_percent, status, archived_at ON operations
FOR EACH ROW WHEN (
    NEW.qty_processed > OLD.qty_processed OR NEW.qty_good < OLD.qty_good
    OR NEW.tolerance_percent < OLD.tolerance_percent OR NEW.archived_at IS DISTINCT FROM OLD.archived_at
    OR NEW.status <> OLD.status AND NEW.status IN ('IN_PROGRESS', 'CANCELLED'))
EXECUTE FUNCTION keep_flow()
"""
_ON_INSERT = """
CREATE TRIGGER keep_flow_of_new AFTER INSERT ON operations REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION keep_flow_of_new()
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _widen_operations()
    _widen_ledger()
    op.execute(_ENTRY_CONTINUES.replace("{more}", _OF_OTHERS))
    for statement in (_BROKEN_FLOW, _KEEP_FLOW, _KEEP_FLOW_OF_NEW, _ON_UPDATE, _ON_INSERT):
        op.execute(statement)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for name in ("keep_flow", "keep_flow_of_new"):
        op.execute(f"DROP TRIGGER {name} ON operations")
        op.execute(f"DROP FUNCTION {name}()")
    op.execute("DROP FUNCTION broken_flow(text)")
    op.execute(_ENTRY_CONTINUES.replace("{more}", ""))
    for name in ("corrects", "counter_start", "counter_end", "counter_reason"):
        op.drop_column("ledger_entries", name, schema="operations")
    op.drop_constraint(op.f("operations_due_after_start_check"), "operations", schema="operations")
    op.drop_constraint(op.f("operations_processed_is_within_desired_check"), "operations", schema="operations")
    op.drop_column("operations", "tolerance_percent", schema="operations")
    _check("operations", "processed_is_within_desired", "qty_processed <= qty_desired")


def _widen_operations() -> None:
    share = sa.Column("tolerance_percent", sa.Numeric(5, 2), nullable=False, server_default="0")
    op.add_column("operations", share, schema="operations")
    op.drop_constraint(op.f("operations_processed_is_within_desired_check"), "operations", schema="operations")
    within = "qty_processed * 100 <= qty_desired * (100 + tolerance_percent)"
    _check("operations", "processed_is_within_desired", within)
    _check("operations", "tolerance_is_a_share", "tolerance_percent BETWEEN 0 AND 100")
    _check("operations", "due_after_start", "due >= planned_start")


def _widen_ledger() -> None:
    op.add_column("ledger_entries", sa.Column("corrects", sa.Uuid), schema="operations")
    op.add_column("ledger_entries", sa.Column("counter_start", _QUANTITY), schema="operations")
    op.add_column("ledger_entries", sa.Column("counter_end", _QUANTITY), schema="operations")
    op.add_column("ledger_entries", sa.Column("counter_reason", sa.String(200)), schema="operations")
    op.create_foreign_key(
        "ledger_entries_corrects_fkey",
        "ledger_entries",
        "ledger_entries",
        ["corrects"],
        ["id"],
        source_schema="operations",
        referent_schema="operations",
    )
    _check("ledger_entries", "correction_names_an_entry", "(kind = 'correction') = (corrects IS NOT NULL)")
    _check("ledger_entries", "counter_is_whole", "(counter_start IS NULL) = (counter_end IS NULL)")
    _check("ledger_entries", "counter_is_what_came_out", "counter_end - counter_start = good + scrap")
    never = "counter_start >= 0 AND counter_end >= counter_start"
    _check("ledger_entries", "counter_never_runs_backwards", never)
    corrected = sa.text("corrects IS NOT NULL")
    counted = sa.text("counter_end IS NOT NULL")
    op.create_index(
        "ledger_entries_corrects_key",
        "ledger_entries",
        ["corrects"],
        unique=True,
        postgresql_where=corrected,
        schema="operations",
    )
    op.create_index(
        "ledger_entries_counter_idx",
        "ledger_entries",
        ["operation_id", "entry_no"],
        postgresql_where=counted,
        schema="operations",
    )


def _check(table: str, name: str, rule: str) -> None:
    op.create_check_constraint(op.f(f"{table}_{name}_check"), table, rule, schema="operations")
