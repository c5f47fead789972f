"""Workplaces, machines and items.

Why:    operations refer to workplaces and items; machines stand at workplaces.
Phase:  expand.
Locks:  new tables only.
Undo:   drops them; what was entered is lost, its events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_catalog", "2026_11_21_machinery"

_TIME = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create(
        "workplaces",
        sa.Column("area", sa.String(200)),
        sa.Column("description", sa.String(2000)),
        comment="Where operations are done",
    )
    _create(
        "machines",
        sa.Column("workplace", sa.String(40)),
        sa.Column("manufacturer", sa.String(200)),
        sa.Column("model", sa.String(200)),
        sa.Column("serial_no", sa.String(200)),
        sa.ForeignKeyConstraint(["workplace"], ["operations.workplaces.code"], name="machines_workplace_fkey"),
        comment="The physical assets that stand at workplaces",
    )
    op.create_index("machines_workplace_idx", "machines", ["workplace"], schema="operations")
    _create(
        "items",
        sa.Column("unit", sa.String(20), nullable=False),
        sa.Column("category", sa.String(200)),
        sa.Column("lot_tracked", sa.Boolean, nullable=False),
        comment="What is made, moved or used up",
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in ("items", "machines", "workplaces"):
        op.drop_table(table, schema="operations")


def _create(table: str, *own: sa.schema.SchemaItem, comment: str) -> None:
    """A table with what every resource of the catalog has."""
    op.create_table(
        table,
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        *own,
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("archived_at", _TIME),
        sa.PrimaryKeyConstraint("id", name=f"{table}_pkey"),
        sa.UniqueConstraint("code", name=f"{table}_code_key"),
        schema="operations",
        comment=comment,
    )
