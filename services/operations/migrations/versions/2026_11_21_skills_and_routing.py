"""Add qualifications to employees and a routing to items.

Why:    a start asks for a qualification that is valid, and a work order begins with the operations of its item's
        routing. A routing names workplaces: no foreign key looks into a list, so a trigger does.
Phase:  expand. A running older version leaves both columns out; it then finds them empty.
Locks:  catalogue only, the defaults are constants; `items` is read once for its index.
Undo:   drops both; what was entered is lost, its events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_skills_and_routing", "2026_11_21_operation_lists"

_ROUTING_NAMES_WORKPLACES = """
CREATE FUNCTION routing_names_workplaces() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM jsonb_array_elements(NEW.routing) step
        WHERE NOT EXISTS (SELECT FROM workplaces w WHERE w.code = step ->> 'workplace'))
    THEN
        RAISE EXCEPTION 'the routing names a workplace that is not there'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'items_routing_names_workplaces',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'items';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _add_list("employees", "qualifications")
    _add_list("items", "routing")
    op.create_index(
        "items_routing_idx",
        "items",
        ["routing"],
        schema="operations",
        postgresql_using="gin",
        postgresql_ops={"routing": "jsonb_path_ops"},
    )
    op.execute(_ROUTING_NAMES_WORKPLACES)
    op.execute(
        "CREATE TRIGGER routing_names_workplaces AFTER INSERT OR UPDATE OF routing ON items FOR EACH ROW"
        " WHEN (NEW.routing <> '[]') EXECUTE FUNCTION routing_names_workplaces()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER routing_names_workplaces ON items")
    op.execute("DROP FUNCTION routing_names_workplaces()")
    op.drop_column("items", "routing", schema="operations")
    op.drop_column("employees", "qualifications", schema="operations")


def _add_list(table: str, column: str) -> None:
    op.add_column(
        table, sa.Column(column, JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")), schema="operations"
    )
    op.create_check_constraint(f"{column}_is_a_list", table, f"jsonb_typeof({column}) = 'array'", schema="operations")
