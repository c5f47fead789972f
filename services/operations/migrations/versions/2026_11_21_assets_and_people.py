"""Add equipment, employees, terminals, drivers, trucks and trailers, and number what may be booked.

Why:    work is done by people with gauges, and transports need a driver, a truck and a trailer. Whoever or whatever is
        in one place at a time has a number: exclusion constraints compare it without an extension.
Phase:  expand.
Locks:  new tables; `machines` is rewritten with a number a row, `items` and `workplaces` gain an index. All three are
        small; gives up after 3 s rather than queue behind a long read.
Undo:   drops them; what was entered is lost, its events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "2026_11_21_assets_and_people", "2026_11_21_workplace_events"

_TIME = sa.TIMESTAMP(timezone=True)
_INDEXES = {
    "equipment": ("workplace", "calibration_due", "category"),
    "employees": ("name", "workplace"),
    "terminals": ("name", "account_code"),
    "drivers": ("name", "phone"),
    "trucks": ("name", "capacity_pallets", "capacity_kg"),
    "trailers": ("name", "capacity_pallets", "capacity_kg"),
    "items": ("category",),
    "workplaces": ("area",),
}
_BOOKABLE = ("machines", "employees", "drivers", "trucks", "trailers")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_gauges_and_people()
    _create_transport()
    op.add_column("machines", _number(), schema="operations")
    for table in _BOOKABLE:
        op.create_index(f"{table}_no_idx", table, ["no"], unique=True, schema="operations")
    for table, columns in _INDEXES.items():
        for column in columns:
            op.create_index(f"{table}_{column}_idx", table, [column], schema="operations")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_index("items_category_idx", "items", schema="operations")
    op.drop_index("workplaces_area_idx", "workplaces", schema="operations")
    op.drop_column("machines", "no", schema="operations")
    for table in ("trailers", "trucks", "drivers", "terminals", "employees", "equipment"):
        op.drop_table(table, schema="operations")


def _create_gauges_and_people() -> None:
    _create(
        "equipment",
        sa.Column("category", sa.String(200)),
        sa.Column("workplace", sa.String(40)),
        sa.Column("manufacturer", sa.String(200)),
        sa.Column("serial_no", sa.String(200)),
        sa.Column("calibration_due", _TIME),
        sa.ForeignKeyConstraint(["workplace"], ["operations.workplaces.code"], name="equipment_workplace_fkey"),
        comment="Fixtures and gauges",
    )
    _create(
        "employees",
        sa.Column("workplace", sa.String(40)),
        sa.ForeignKeyConstraint(["workplace"], ["operations.workplaces.code"], name="employees_workplace_fkey"),
        _number(),
        comment="Who does the work",
    )


def _create_transport() -> None:
    _create(
        "terminals",
        sa.Column("account_code", sa.String(40)),
        sa.Column("address", sa.String(2000)),
        comment="Where transports are loaded and unloaded",
    )
    _create("drivers", sa.Column("phone", sa.String(40)), _number(), comment="Who drives transports")
    _create_vehicles("trucks", comment="What pulls, and often carries, a transport")
    _create_vehicles("trailers", comment="What carries a transport behind a truck")


def _create_vehicles(table: str, *, comment: str) -> None:
    _create(
        table,
        sa.Column("plate", sa.String(20)),
        sa.Column("capacity_pallets", sa.BigInteger),
        sa.Column("capacity_kg", sa.Numeric(18, 6)),
        _number(),
        sa.UniqueConstraint("plate", name=f"{table}_plate_key"),
        sa.CheckConstraint(
            "capacity_pallets >= 0 AND capacity_kg >= 0", name=op.f(f"{table}_nothing_is_negative_check")
        ),
        comment=comment,
    )


def _number() -> sa.Column[int]:
    return sa.Column("no", sa.BigInteger, sa.Identity(always=True), nullable=False)


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
