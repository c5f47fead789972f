"""Add transport orders, and the bookings that the database makes of them.

Why:    what is brought to terminals and taken away; no driver, truck or trailer is in two places (ADR 0020).
Phase:  expand.
Locks:  new tables; foreign keys take a short lock on terminals, drivers, trucks and trailers.
Undo:   drops them; transport orders are lost, their events stay in the outbox.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSTZRANGE, ExcludeConstraint

revision, down_revision = "2026_11_21_transport_orders", "2026_11_21_workshop_entries"

_TIME = sa.TIMESTAMP(timezone=True)
_KINDS = ("driver", "truck", "trailer")
_LEGS = ("inbound", "outbound")
_INDEXES = ("status", "eta", "etd", "created_at", "terminal", "service", "priority", "order_no")

# Bookings follow from the order whatever wrote it: a verb, a change of times, an import, or somebody with a console.
_BOOK_LEGS = """
CREATE FUNCTION book_legs() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM transport_bookings b WHERE b.transport_order_id = NEW.id;
    IF NEW.archived_at IS NOT NULL OR NEW.status NOT IN ('ASSIGNED', 'DISPATCHED', 'DEPARTED', 'ARRIVED') THEN
        RETURN NULL;
    END IF;
    INSERT INTO transport_bookings
        (id, created_at, transport_order_id, leg, driver_no, truck_no, trailer_no, during)
    SELECT gen_random_uuid(), NEW.updated_at, NEW.id, l.leg, d.no, t.no, r.no, tstzrange(l.departs, l.arrives)
    FROM (VALUES
        ('inbound', NEW.inbound_driver, NEW.inbound_truck, NEW.inbound_trailer, NEW.inbound_departure, NEW.eta),
        ('outbound', NEW.outbound_driver, NEW.outbound_truck, NEW.outbound_trailer, NEW.etd, NEW.outbound_arrival)
    ) AS l (leg, driver, truck, trailer, departs, arrives)
    LEFT JOIN drivers d ON d.code = l.driver
    LEFT JOIN trucks t ON t.code = l.truck
    LEFT JOIN trailers r ON r.code = l.trailer
    WHERE num_nonnulls(l.driver, l.truck, l.trailer) > 0;
    IF EXISTS (
        SELECT FROM transport_bookings b
        LEFT JOIN trucks t ON t.no = b.truck_no LEFT JOIN trailers r ON r.no = b.trailer_no
        WHERE b.transport_order_id = NEW.id AND (
            num_nonnulls(t.capacity_pallets, r.capacity_pallets) > 0
            AND NEW.pallets > coalesce(t.capacity_pallets, 0) + coalesce(r.capacity_pallets, 0)
            OR num_nonnulls(t.capacity_kg, r.capacity_kg) > 0
            AND NEW.kilos > coalesce(t.capacity_kg, 0) + coalesce(r.capacity_kg, 0)))
    THEN
        RAISE EXCEPTION 'the load is more than truck and trailer take'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'transport_orders_load_is_within_capacity_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'transport_orders';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_orders()
    _create_bookings()
    op.execute(_BOOK_LEGS)
    op.execute(
        "CREATE TRIGGER book_legs_insert AFTER INSERT ON transport_orders FOR EACH ROW"
        " WHEN (NEW.status NOT IN ('PROPOSED', 'PLANNED')) EXECUTE FUNCTION book_legs()"
    )
    op.execute(
        "CREATE TRIGGER book_legs_update AFTER UPDATE ON transport_orders FOR EACH ROW"
        " WHEN (NEW.status NOT IN ('PROPOSED', 'PLANNED')) EXECUTE FUNCTION book_legs()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.drop_table("transport_bookings", schema="operations")
    op.drop_table("transport_orders", schema="operations")
    op.execute("DROP FUNCTION book_legs()")


def _create_orders() -> None:
    op.create_table(
        "transport_orders",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("no", sa.String(40), nullable=False),
        sa.Column("service", sa.String(200), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("terminal", sa.String(40)),
        sa.Column("order_no", sa.String(40)),
        *(sa.Column(name, _TIME) for name in ("inbound_departure", "eta", "etd", "outbound_arrival")),
        sa.Column("pallets", sa.BigInteger, nullable=False),
        sa.Column("boxes", sa.BigInteger, nullable=False),
        sa.Column("kilos", sa.Numeric(18, 6), nullable=False),
        sa.Column("note", sa.String(2000)),
        sa.Column("status", sa.String(20), nullable=False),
        *(sa.Column(f"{leg}_{kind}", sa.String(40)) for leg in _LEGS for kind in _KINDS),
        *(sa.Column(name, _TIME) for name in ("dispatched_at", "departed_at", "arrived_at")),
        sa.Column("received_by", sa.String(200)),
        sa.Column("delivered_at", _TIME),
        sa.Column("delivery_note", sa.String(2000)),
        sa.Column("delivery_photo", sa.Uuid),
        sa.Column("cancel_reason", sa.String(200)),
        sa.Column(
            "proposed_for", sa.String(40), comment="the work order whose last operation asked for it; one proposal each"
        ),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("archived_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="transport_orders_pkey"),
        sa.UniqueConstraint("no", name="transport_orders_no_key"),
        sa.UniqueConstraint("proposed_for", name="transport_orders_proposed_for_key"),
        sa.ForeignKeyConstraint(["terminal"], ["operations.terminals.code"], name="transport_orders_terminal_fkey"),
        *(_asset(leg, kind) for leg in _LEGS for kind in _KINDS),
        *_rules(),
        schema="operations",
        comment="What is brought to terminals and taken away",
    )
    for column in _INDEXES:
        op.create_index(f"transport_orders_{column}_no_idx", "transport_orders", [column, "no"], schema="operations")
    for column in (f"{leg}_{kind}" for leg in _LEGS for kind in _KINDS):
        there = sa.text(f"{column} IS NOT NULL")
        name = f"transport_orders_{column}_idx"
        op.create_index(name, "transport_orders", [column], schema="operations", postgresql_where=there)


def _asset(leg: str, kind: str) -> sa.ForeignKeyConstraint:
    name = f"transport_orders_{leg}_{kind}_fkey"
    return sa.ForeignKeyConstraint([f"{leg}_{kind}"], [f"operations.{kind}s.code"], name=name)


def _rules() -> list[sa.CheckConstraint]:
    statuses = "'PROPOSED', 'PLANNED', 'ASSIGNED', 'DISPATCHED', 'DEPARTED', 'ARRIVED', 'DELIVERED', 'CANCELLED'"
    return [
        _check("status_is_known", f"status IN ({statuses})"),
        _check("priority_is_known", "priority BETWEEN 1 AND 9"),
        _check("nothing_is_negative", "pallets >= 0 AND boxes >= 0 AND kilos >= 0"),
        _check("inbound_takes_time", "eta > inbound_departure"),
        _check("outbound_takes_time", "outbound_arrival > etd"),
        _check("leaves_after_it_came", "etd >= eta"),
        _check("inbound_has_a_window", _windowed("inbound", "inbound_departure", "eta")),
        _check("outbound_has_a_window", _windowed("outbound", "etd", "outbound_arrival")),
        _check("delivered_is_proven", "status <> 'DELIVERED' OR received_by IS NOT NULL"),
        _check("proof_is_whole", "(received_by IS NULL) = (delivered_at IS NULL)"),
        _check("cancelled_has_a_reason", "(status = 'CANCELLED') = (cancel_reason IS NOT NULL)"),
        _check("version_is_positive", "version > 0"),
    ]


def _windowed(leg: str, departs: str, arrives: str) -> str:
    assets = ", ".join(f"{leg}_{kind}" for kind in _KINDS)
    return f"num_nonnulls({assets}) = 0 OR num_nulls({departs}, {arrives}) = 0"


def _create_bookings() -> None:
    op.create_table(
        "transport_bookings",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("transport_order_id", sa.Uuid, nullable=False),
        sa.Column("leg", sa.String(20), nullable=False),
        *(sa.Column(f"{kind}_no", sa.BigInteger) for kind in _KINDS),
        sa.Column("during", TSTZRANGE, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="transport_bookings_pkey"),
        sa.UniqueConstraint("transport_order_id", "leg", name="transport_bookings_transport_order_id_leg_key"),
        sa.ForeignKeyConstraint(
            ["transport_order_id"],
            ["operations.transport_orders.id"],
            name="transport_bookings_transport_order_id_fkey",
        ),
        _check("leg_is_known", "leg IN ('inbound', 'outbound')", "transport_bookings"),
        _check("takes_time", "NOT isempty(during)", "transport_bookings"),
        *(_nowhere_twice(kind) for kind in _KINDS),
        schema="operations",
        comment="When drivers, trucks and trailers are away; follows from transport orders",
    )


def _nowhere_twice(kind: str) -> ExcludeConstraint:
    return ExcludeConstraint(
        (sa.text(f"int8range({kind}_no, {kind}_no, '[]')"), "&&"),
        ("during", "&&"),
        name=f"transport_bookings_{kind}_excl",
        where=sa.text(f"{kind}_no IS NOT NULL"),
        using="gist",
    )


def _check(name: str, rule: str, table: str = "transport_orders") -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"{table}_{name}_check"))
