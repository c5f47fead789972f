"""Add work orders, and give every operation one.

Why:    a work order has a status, a priority and an end of its own; they follow from its operations (ADR 18).
        Orders of operations that are there already are created here, each told by its own fact, so that whoever reads
        the log knows them too.
Phase:  expand and contract at once: a running older version makes no orders, so its new operations are refused.
Locks:  operations are read twice, and written to by nobody while the foreign key is checked; gives up after 3 s rather
        than queue behind a long read.
Undo:   drops them; what was entered of orders is lost, their events stay in the outbox.
"""

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import uuid_utils
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision, down_revision = "2026_11_21_work_orders", "2026_11_21_steps"

_TIME = sa.TIMESTAMP(timezone=True)
_AT_ONCE = 1000
# Where this was undone before, the log knows orders already: their versions go on.
_MISSING = """
SELECT o.order_no, status_of_order(o.order_no), 1 + coalesce(told.version, 0)
FROM (SELECT DISTINCT order_no FROM operations) o
LEFT JOIN (SELECT aggregateid, max(version) AS version FROM outbox WHERE aggregatetype = 'work-order' GROUP BY 1) told
       ON told.aggregateid = o.order_no
ORDER BY o.order_no
"""
_SOURCE = "SELECT headers ->> 'ce_source' FROM outbox WHERE aggregatetype = 'operation' LIMIT 1"
_STATUS_OF = """
CREATE FUNCTION status_of_order(wanted text) RETURNS text LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN count(*) FILTER (WHERE status IN ('RELEASED', 'IN_PROGRESS')) > 0
            THEN CASE WHEN count(*) FILTER (WHERE status IN ('IN_PROGRESS', 'FINISHED')) > 0
                 THEN 'IN_PROGRESS' ELSE 'RELEASED' END
        WHEN count(*) FILTER (WHERE status = 'FINISHED') > 0 THEN 'FINISHED'
        WHEN count(*) > 0 THEN 'CANCELLED'
        ELSE 'RELEASED' END
    FROM operations WHERE order_no = wanted AND archived_at IS NULL
$$
"""
# At the end of the transaction, because state of orders and operations is written in several statements.
_STATUS_IS_DERIVED = """
CREATE FUNCTION order_status_is_derived() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM work_orders WHERE order_no = NEW.order_no FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM work_orders WHERE order_no = NEW.order_no AND status <> status_of_order(NEW.order_no)) THEN
        RAISE EXCEPTION 'the status of a work order is not that of its operations'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'work_orders_status_is_derived_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'work_orders';
    END IF;
    RETURN NULL;
END $$
"""
# For all new rows of a statement at once: one by one an import would pay for each.
_ORDER_TAKES_WORK = """
CREATE FUNCTION order_takes_work() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added a JOIN work_orders w ON w.order_no = a.order_no
        WHERE w.closed_at IS NOT NULL
           OR a.status = 'RELEASED' AND w.status IN ('FINISHED', 'CANCELLED')
           OR a.status = 'IN_PROGRESS' AND w.status <> 'IN_PROGRESS'
           OR a.status = 'FINISHED' AND w.status IN ('RELEASED', 'CANCELLED'))
    THEN
        RAISE EXCEPTION 'the work order is closed, or its status is not that of its operations'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'operations_order_takes_work_check',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = 'operations';
    END IF;
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    _create_orders()
    op.execute(_STATUS_OF)
    _create_what_is_missing()
    op.create_foreign_key(
        "operations_order_no_fkey",
        "operations",
        "work_orders",
        ["order_no"],
        ["order_no"],
        source_schema="operations",
        referent_schema="operations",
    )
    op.execute(_STATUS_IS_DERIVED)
    op.execute(_ORDER_TAKES_WORK)
    op.execute(
        "CREATE TRIGGER order_takes_work AFTER INSERT ON operations REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION order_takes_work()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER order_status_is_derived AFTER UPDATE OF status, archived_at ON operations"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
        " WHEN ((OLD.status, OLD.archived_at IS NULL) IS DISTINCT FROM (NEW.status, NEW.archived_at IS NULL))"
        " EXECUTE FUNCTION order_status_is_derived()"
    )
    op.execute(
        "CREATE CONSTRAINT TRIGGER order_status_is_derived AFTER INSERT OR UPDATE OF status ON work_orders"
        " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION order_status_is_derived()"
    )


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER order_takes_work ON operations")
    op.execute("DROP TRIGGER order_status_is_derived ON operations")
    op.drop_constraint("operations_order_no_fkey", "operations", schema="operations")
    op.drop_table("work_orders", schema="operations")
    for function in ("order_takes_work()", "order_status_is_derived()", "status_of_order(text)"):
        op.execute(f"DROP FUNCTION {function}")


def _create_orders() -> None:
    op.create_table(
        "work_orders",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("order_no", sa.String(40), nullable=False),
        sa.Column("name", sa.String(200)),
        sa.Column("item", sa.String(40)),
        sa.Column("qty_desired", sa.Numeric(18, 6)),
        sa.Column("priority", sa.SmallInteger, nullable=False),
        sa.Column("due", _TIME),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("closed_at", _TIME),
        sa.Column("close_reason", sa.String(200)),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("archived_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="work_orders_pkey"),
        sa.UniqueConstraint("order_no", name="work_orders_order_no_key"),
        sa.ForeignKeyConstraint(["item"], ["operations.items.code"], name="work_orders_item_fkey"),
        _check("status_is_known", "status IN ('RELEASED', 'IN_PROGRESS', 'FINISHED', 'CANCELLED')"),
        _check("source_is_known", "source IN ('api', 'import')"),
        _check("priority_is_known", "priority BETWEEN 1 AND 9"),
        _check("nothing_is_negative", "qty_desired >= 0"),
        _check("closing_is_whole", "(closed_at IS NULL) = (close_reason IS NULL)"),
        schema="operations",
        comment="What is to be made, as a sequence of operations",
    )
    for column in ("item", "status", "priority", "due", "closed_at"):
        op.create_index(f"work_orders_{column}_order_no_idx", "work_orders", [column, "order_no"], schema="operations")


def _check(name: str, rule: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(rule, name=op.f(f"work_orders_{name}_check"))


def _create_what_is_missing() -> None:
    """An order for each number that operations have, and the fact that tells it."""
    connection = op.get_bind()
    found = connection.execute(sa.text(_MISSING)).all()
    source = connection.execute(sa.text(_SOURCE)).scalar() or "/plants/unknown/operations"
    now = datetime.now(UTC)
    for start in range(0, len(found), _AT_ONCE):
        orders = [_order(no, status, version, now) for no, status, version in found[start : start + _AT_ONCE]]
        op.bulk_insert(_work_orders(), orders)
        op.bulk_insert(_outbox(), list(_facts(orders, source, now)))


def _outbox() -> sa.TableClause:
    texts = ("aggregatetype", "aggregateid", "topic", "key", "type", "payload")
    return sa.table(
        "outbox",
        sa.column("id", sa.Uuid),
        sa.column("month", sa.Date),
        sa.column("slot", sa.SmallInteger),
        sa.column("version", sa.BigInteger),
        sa.column("time", _TIME),
        sa.column("headers", JSONB),
        *(sa.column(name, sa.Text) for name in texts),
    )


def _work_orders() -> sa.TableClause:
    return sa.table(
        "work_orders",
        sa.column("id", sa.Uuid),
        sa.column("order_no", sa.String),
        sa.column("priority", sa.SmallInteger),
        sa.column("source", sa.String),
        sa.column("status", sa.String),
        sa.column("version", sa.BigInteger),
        sa.column("created_at", _TIME),
        sa.column("updated_at", _TIME),
        schema="operations",
    )


def _order(order_no: str, status: str, version: int, now: datetime) -> dict[str, Any]:
    return {
        "id": UUID(bytes=uuid_utils.uuid7().bytes),
        "order_no": order_no,
        "priority": 5,
        "source": "api",
        "status": status,
        "version": version,
        "created_at": now,
        "updated_at": now,
    }


def _facts(orders: list[dict[str, Any]], source: str, now: datetime) -> Iterator[dict[str, Any]]:
    """As the service would have told them, by the system; every part is written out, so that it stays as it is."""
    moment = now.isoformat().replace("+00:00", "Z")
    absent = dict.fromkeys(("name", "item", "qty_desired", "due", "archived_at", "closed_at", "close_reason"))
    for order in orders:
        id_, number = UUID(bytes=uuid_utils.uuid7().bytes), order["order_no"]
        state = {**absent, **order, "id": str(order["id"]), "created_at": moment, "updated_at": moment}
        yield {
            "id": id_,
            "month": now.date().replace(day=1),
            "slot": zlib.crc32(number.encode()) % 16,
            "aggregatetype": "work-order",
            "aggregateid": number,
            "version": order["version"],
            "topic": "takt.operations.work-order",
            "key": number,
            "type": "takt.operations.work-order.created.v1",
            "time": now,
            "headers": _headers(str(id_), order, source, moment),
            "payload": json.dumps(
                {"version": order["version"], "state": state}, ensure_ascii=False, separators=(",", ":")
            ),
        }


def _headers(id_: str, order: dict[str, Any], source: str, moment: str) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": id_,
        "ce_source": source,
        "ce_type": "takt.operations.work-order.created.v1",
        "ce_subject": order["order_no"],
        "ce_partitionkey": order["order_no"],
        "ce_sequence": f"{order['version']:012d}",
        "ce_time": moment,
        "ce_recordedtime": moment,
        "ce_correlationid": id_,
        "ce_authtype": "system",
        "ce_authid": "system",
        "ce_dataschema": "urn:takt:schema:takt.operations.work-order.created.v1",
        "content-type": "application/json",
    }
