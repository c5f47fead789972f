"""Operations and their quantity ledger.

Why:    what happens on the shop floor, with every invariant kept by the database.
Phase:  expand.
Locks:  new tables; an index on the outbox while it is empty.
Undo:   drops them; operations and ledger are lost, their events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_production", "2026_11_21_catalog"

_QUANTITY = sa.Numeric(18, 6)
_TIME = sa.TIMESTAMP(timezone=True)

# Each entry carries the totals after it, so that both rules look at one row each, however long the ledger is.
_ENTRY_CONTINUES = """
CREATE FUNCTION entry_continues() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM operations o WHERE o.id = NEW.operation_id AND o.entries >= NEW.entry_no)
       OR NEW.entry_no = 1 AND (NEW.good_total, NEW.scrap_total, NEW.rework_total) <> (NEW.good, NEW.scrap, NEW.rework)
       OR NEW.entry_no > 1 AND NOT EXISTS (
           SELECT FROM ledger_entries p
           WHERE p.operation_id = NEW.operation_id AND p.entry_no = NEW.entry_no - 1
             AND p.good_total + NEW.good = NEW.good_total AND p.scrap_total + NEW.scrap = NEW.scrap_total
             AND p.rework_total + NEW.rework = NEW.rework_total)
    THEN
        RAISE EXCEPTION 'the entry does not continue the ledger'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'ledger_entries_entry_continues_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'ledger_entries';
    END IF;
    RETURN NULL;
END $$
"""
_QUANTITIES_ARE_TOTALS = """
CREATE FUNCTION quantities_are_totals() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM ledger_entries l
        WHERE l.operation_id = NEW.id AND l.entry_no = NEW.entries
          AND (l.good_total, l.scrap_total, l.rework_total) = (NEW.qty_good, NEW.qty_scrap, NEW.qty_rework))
    THEN
        RAISE EXCEPTION 'quantities differ from the ledger'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'operations_quantities_are_totals_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'operations';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_operations()
    _create_ledger()
    op.execute(_ENTRY_CONTINUES)
    op.execute(_QUANTITIES_ARE_TOTALS)
    op.execute(
        "CREATE TRIGGER entry_continues AFTER INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION entry_continues()"
    )
    op.execute(
        "CREATE TRIGGER quantities_are_totals_insert AFTER INSERT ON operations FOR EACH ROW"
        " WHEN (NEW.entries > 0 OR NEW.qty_good <> 0 OR NEW.qty_scrap <> 0 OR NEW.qty_rework <> 0)"
        " EXECUTE FUNCTION quantities_are_totals()"
    )
    op.execute(
        "CREATE TRIGGER quantities_are_totals_update"
        " AFTER UPDATE OF qty_good, qty_scrap, qty_rework, entries ON operations FOR EACH ROW"
        " WHEN ((OLD.qty_good, OLD.qty_scrap, OLD.qty_rework, OLD.entries)"
        " IS DISTINCT FROM (NEW.qty_good, NEW.qty_scrap, NEW.qty_rework, NEW.entries))"
        " EXECUTE FUNCTION quantities_are_totals()"
    )
    op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON ledger_entries FROM operations_app")
    op.execute(
        "CREATE INDEX outbox_workplace_idx ON outbox ((payload::jsonb #>> '{state,workplace}'), time)"
        " WHERE aggregatetype = 'operation'"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP INDEX outbox_workplace_idx")
    op.drop_table("ledger_entries", schema="operations")
    op.drop_table("operations", schema="operations")
    op.execute("DROP FUNCTION entry_continues()")
    op.execute("DROP FUNCTION quantities_are_totals()")


def _create_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("order_no", sa.String(40), nullable=False),
        sa.Column("operation_no", sa.String(40), nullable=False),
        sa.Column("workplace", sa.String(40), nullable=False),
        sa.Column("item", sa.String(40), nullable=False),
        sa.Column("planned_start", _TIME),
        sa.Column("planned_end", _TIME),
        sa.Column("due", _TIME),
        sa.Column("qty_desired", _QUANTITY, nullable=False),
        sa.Column("qty_processed", _QUANTITY, nullable=False),
        sa.Column("qty_good", _QUANTITY, nullable=False),
        sa.Column("qty_scrap", _QUANTITY, nullable=False),
        sa.Column("qty_rework", _QUANTITY, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("hold_kind", sa.String(20)),
        sa.Column("hold_reason", sa.String(200)),
        sa.Column("entries", sa.BigInteger, nullable=False, comment="how many ledger entries it has"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("archived_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="operations_pkey"),
        sa.UniqueConstraint("order_no", "operation_no", name="operations_order_no_operation_no_key"),
        sa.ForeignKeyConstraint(["workplace"], ["operations.workplaces.code"], name="operations_workplace_fkey"),
        sa.ForeignKeyConstraint(["item"], ["operations.items.code"], name="operations_item_fkey"),
        _check("status_is_known", "status IN ('RELEASED', 'IN_PROGRESS', 'FINISHED', 'CANCELLED')"),
        _check("desired_is_positive", "qty_desired > 0"),
        _check("nothing_is_negative", "qty_good >= 0 AND qty_scrap >= 0 AND qty_rework >= 0"),
        _check("processed_is_good_plus_scrap", "qty_processed = qty_good + qty_scrap"),
        _check("processed_is_within_desired", "qty_processed <= qty_desired"),
        _check("nothing_before_start", "qty_processed = 0 OR status <> 'RELEASED'"),
        _check("hold_is_whole", "(hold_kind IS NULL) = (hold_reason IS NULL)"),
        _check("hold_kind_is_known", "hold_kind IN ('external', 'own')"),
        _check("final_is_not_held", "hold_kind IS NULL OR status NOT IN ('CANCELLED', 'FINISHED')"),
        _check("ends_after_start", "planned_end >= planned_start"),
        _check("version_is_positive", "version > 0"),
        schema="operations",
        comment="The steps of work orders",
    )
    for columns in (
        ["status", "due", "order_no", "operation_no"],
        ["workplace", "status", "planned_start"],
        ["item"],
        ["due", "order_no", "operation_no"],
    ):
        op.create_index(f"operations_{'_'.join(columns)}_idx", "operations", columns, schema="operations")


def _create_ledger() -> None:
    op.create_table(
        "ledger_entries",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("operation_id", sa.Uuid, nullable=False),
        sa.Column("entry_no", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("good", _QUANTITY, nullable=False),
        sa.Column("scrap", _QUANTITY, nullable=False),
        sa.Column("rework", _QUANTITY, nullable=False),
        sa.Column("good_total", _QUANTITY, nullable=False, comment="of the operation, after this entry"),
        sa.Column("scrap_total", _QUANTITY, nullable=False),
        sa.Column("rework_total", _QUANTITY, nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("booked_by", sa.String(200), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="ledger_entries_pkey"),
        sa.UniqueConstraint("operation_id", "entry_no", name="ledger_entries_operation_id_entry_no_key"),
        sa.ForeignKeyConstraint(
            ["operation_id"], ["operations.operations.id"], name="ledger_entries_operation_id_fkey"
        ),
        _check("kind_is_known", "kind IN ('report', 'hand_over', 'correction', 'opening')", "ledger_entries"),
        _check(
            "only_corrections_take_back",
            "kind = 'correction' OR good >= 0 AND scrap >= 0 AND rework >= 0",
            "ledger_entries",
        ),
        _check("something_is_booked", "good <> 0 OR scrap <> 0 OR rework <> 0", "ledger_entries"),
        _check("scrap_has_a_reason", "scrap = 0 OR reason IS NOT NULL", "ledger_entries"),
        _check("number_is_positive", "entry_no > 0", "ledger_entries"),
        schema="operations",
        comment="What was booked on operations; append-only",
    )


def _check(name: str, rule: str, table: str = "operations") -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"{table}_{name}_check"))
