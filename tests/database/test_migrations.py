"""Migrations go up, down and up again, on an empty database and on a filled one, and end with the same schema."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from plantkit import migrate
from plantkit.testing.database import TestDatabase, copied

pytestmark = pytest.mark.db
SERVICES = ("operations", "records", "imports", "gateway")
_SHAPE = """
SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
FROM information_schema.columns WHERE table_schema = $1
UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
FROM pg_constraint WHERE connamespace = $1::regnamespace
UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = $1
UNION ALL SELECT 'function', proname, '', prosrc FROM pg_proc WHERE pronamespace = $1::regnamespace
UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(t.oid)
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = $1::regnamespace AND NOT tgisinternal
UNION ALL SELECT 'view', viewname, '', definition FROM pg_views WHERE schemaname = $1
UNION ALL SELECT 'grant', table_name, grantee, privilege_type FROM information_schema.table_privileges
WHERE table_schema = $1
ORDER BY 1, 2, 3, 4
"""
_MACHINERY = """
INSERT INTO outbox (id, month, slot, aggregatetype, aggregateid, version, topic, key, type, time, headers, payload)
SELECT gen_random_uuid(), date '2026-01-01' + n, 0, 'thing', 'T-' || n, 1, 't', 'k', 'x', now(), '{}', '{}'
FROM generate_series(0, 400, 100) n;
INSERT INTO inbox (consumer, source, event_id) VALUES ('c', 's', 'e');
INSERT INTO versions_seen VALUES ('c', 'thing', 'T-1', 1);
INSERT INTO joined_groups (group_name, topic, partition) VALUES ('g', 't', 0);
INSERT INTO parked (id, group_name, topic, partition, offset_, headers, reason_code, reason, state)
VALUES (gen_random_uuid(), 'g', 't', 0, 7, '[]', 'c', 'r', 'parked');
INSERT INTO idempotency (caller, key, request_sha256, status, headers, body) VALUES ('u', 'k', '', 200, '{}', '');
"""
_OWN = {
    "operations": """
INSERT INTO workplaces (id, code, name, version, created_at, updated_at)
VALUES (gen_random_uuid(), 'W', 'W', 1, now(), now());
INSERT INTO machines (id, code, name, workplace, version, created_at, updated_at)
VALUES (gen_random_uuid(), 'M', 'M', 'W', 1, now(), now());
INSERT INTO items (id, code, name, unit, lot_tracked, version, created_at, updated_at)
VALUES (gen_random_uuid(), 'I', 'I', 'pcs', false, 1, now(), now());
INSERT INTO work_orders (id, order_no, priority, source, status, version, created_at, updated_at)
VALUES (gen_random_uuid(), 'O', 5, 'api', 'IN_PROGRESS', 1, now(), now());
WITH o AS (
    INSERT INTO operations (id, order_no, operation_no, workplace, item, qty_desired, qty_processed, qty_good,
                            qty_scrap, qty_rework, status, entries, version, created_at, updated_at)
    VALUES (gen_random_uuid(), 'O', '1', 'W', 'I', 5, 2, 2, 0, 0, 'IN_PROGRESS', 1, 3, now(), now()) RETURNING id
)
INSERT INTO ledger_entries (id, operation_id, entry_no, kind, good, scrap, rework, good_total, scrap_total,
                            rework_total, booked_by, created_at)
SELECT gen_random_uuid(), id, 1, 'report', 2, 0, 0, 2, 0, 0, 'u', now() FROM o;
""",
    "records": """
WITH t AS (
    INSERT INTO record_types (id, name, title, schema_text, schema_version, access_class, creator_roles,
                              reason_required, version, created_at, updated_at)
    VALUES (gen_random_uuid(), 'T', 'T', '{}', 1, 'health', '["HEALTH"]', false, 1, now(), now())
)
INSERT INTO record_schemas (id, record_type, schema_version, schema_text, created_at)
VALUES (gen_random_uuid(), 'T', 1, '{}', now());
WITH r AS (
    INSERT INTO records (id, record_type, access_class, schema_version, refers_to, canonical, digest, salt, created_by,
                         updated_by, version, created_at, updated_at)
    VALUES (gen_random_uuid(), 'T', 'health', 1, '["orders/1"]', '{}', encode(sha256('s{}'), 'hex'), 's', 'u', 'u', 1,
            now(), now()) RETURNING id
)
INSERT INTO record_versions (id, record_id, version, kind, schema_version, refers_to, canonical, digest, salt,
                             written_by, created_at)
SELECT gen_random_uuid(), id, 1, 'created', 1, '["orders/1"]', '{}', encode(sha256('s{}'), 'hex'), 's', 'u', now()
FROM r;
""",
}


@pytest.fixture(params=SERVICES)
def database(request: pytest.FixtureRequest, postgres_server: str) -> Iterator[TestDatabase]:
    with copied(postgres_server, request.param) as made:
        yield made


async def shape(database: TestDatabase) -> list[tuple[Any, ...]]:
    """Columns, constraints, indexes, functions, triggers, views and rights of the schema."""
    async with database.connect("owner") as connection:
        return [tuple(row) for row in await connection.fetch(_SHAPE, database.service)]


async def fill(database: TestDatabase) -> None:
    async with database.connect("owner") as connection:
        await connection.execute(_MACHINERY + _OWN.get(database.service, ""))


@pytest.mark.parametrize("filled", [False, True], ids=["empty", "filled"])
async def test_up_down_and_up_again_ends_where_it_began(database: TestDatabase, filled: bool) -> None:
    first = await shape(database)
    if filled:
        await fill(database)

    await to(migrate.downgrade, database)
    emptied = [row for row in await shape(database) if row[1] != "alembic_version"]
    await to(migrate.upgrade, database)

    assert emptied == []
    assert await shape(database) == first
    assert len(first) > 50


async def test_each_revision_can_be_undone_by_itself(database: TestDatabase) -> None:
    await fill(database)
    first = await shape(database)

    async with database.connect("owner") as connection:
        [head] = await connection.fetch("SELECT version_num FROM alembic_version")
    await to(migrate.downgrade, database, "-1")
    async with database.connect("owner") as connection:
        before = await connection.fetch("SELECT version_num FROM alembic_version")
    await to(migrate.upgrade, database)

    assert [head] != before
    assert await shape(database) == first


async def test_what_waits_for_the_broker_waits_still_on_the_way_back_and_forth(database: TestDatabase) -> None:
    waiting = "SELECT * FROM outbox_pending ORDER BY id"
    await fill(database)
    async with database.connect("owner") as connection:
        await connection.execute("DELETE FROM outbox_pending WHERE aggregateid = 'T-100'")
        await connection.execute("UPDATE outbox_pending SET blocked = 'too large' WHERE aggregateid = 'T-200'")
        before = await connection.fetch(waiting)
    await to(migrate.downgrade, database, "2026_11_22_outbox_pending-1")
    async with database.connect("owner") as connection:
        told = await connection.fetch("SELECT aggregateid FROM outbox WHERE published_at IS NOT NULL")
        blocked = await connection.fetch("SELECT aggregateid FROM outbox WHERE blocked = 'too large'")
    await to(migrate.upgrade, database)

    assert [[row["aggregateid"] for row in rows] for rows in (told, blocked)] == [["T-100"], ["T-200"]]
    async with database.connect("owner") as connection:
        assert await connection.fetch(waiting) == before
    assert len(before) == 4


async def test_a_migration_gives_up_rather_than_queue_behind_a_long_read(database: TestDatabase) -> None:
    async with database.connect("owner") as reader, reader.transaction():
        await reader.fetch("SELECT * FROM outbox")
        with pytest.raises(Exception, match="lock timeout"):
            await to(migrate.downgrade, database)


async def to(move: Any, database: TestDatabase, revision: str | None = None) -> None:
    """Alembic runs a loop of its own, so it runs in a thread."""
    await asyncio.to_thread(move, database.service, database.url("owner"), *([revision] if revision else []))
