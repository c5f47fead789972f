"""Keep the capacity of trucks and trailers at what is assigned to them.

Why:    a capacity that is lowered under a load would stop the transport order at its next move, long after.
Phase:  expand. Vehicles that carry too much already stay as they are until their capacity changes.
Locks:  trucks and trailers for a moment, catalogue only. Gives up after 3 s rather than queue behind a long read.
Undo:   drops the rules; no data.
"""

from alembic import op

revision, down_revision = "2026_11_21_vehicle_loads", "2026_11_21_nobody_left_behind"

_OTHER = {"truck": "trailer", "trailer": "truck"}

# Who assigns holds the vehicle until it has committed; the change of the capacity waits for it and then looks.
_CARRIES = """
CREATE FUNCTION {kind}_carries_its_load() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM transport_bookings b JOIN transport_orders o ON o.id = b.transport_order_id
        LEFT JOIN {other}s r ON r.no = b.{other}_no
        WHERE b.{kind}_no IS NOT NULL AND int8range(b.{kind}_no, b.{kind}_no, '[]') && int8range(NEW.no, NEW.no, '[]')
          AND (o.pallets > coalesce(NEW.capacity_pallets + r.capacity_pallets, NEW.capacity_pallets, r.capacity_pallets)
               OR o.kilos > coalesce(NEW.capacity_kg + r.capacity_kg, NEW.capacity_kg, r.capacity_kg)))
    THEN
        RAISE EXCEPTION 'it would take less than its load'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_TABLE_NAME || '_carry_their_load_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for kind, other in _OTHER.items():
        op.execute(_CARRIES.format(kind=kind, other=other))
        op.execute(
            f"CREATE TRIGGER carries_its_load AFTER UPDATE OF capacity_pallets, capacity_kg ON {kind}s FOR EACH ROW"
            " WHEN ((OLD.capacity_pallets, OLD.capacity_kg) IS DISTINCT FROM (NEW.capacity_pallets, NEW.capacity_kg))"
            f" EXECUTE FUNCTION {kind}_carries_its_load()"
        )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for kind in _OTHER:
        op.execute(f"DROP TRIGGER carries_its_load ON {kind}s")
        op.execute(f"DROP FUNCTION {kind}_carries_its_load()")
