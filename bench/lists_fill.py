"""Ten million operations as a plant has them: in the real table, under all of its constraints and indexes.

Four operations an order; orders are due over two years, the youngest last; few of 200 workplaces do most of the work
(Zipf). Rows pass every CHECK; triggers of foreign keys and of the ledger are passed by, for what they refer to is made
here too and nothing is booked. Indexes are dropped and made again by their own definitions, which is faster.
"""

import asyncpg

WORKPLACES, ITEMS, OPERATIONS_OF_ORDER = 200, 300, 4
_BUSIEST = """
SELECT array_agg(share ORDER BY rank) FROM (
    SELECT rank, sum(1.0 / rank) OVER (ORDER BY rank) / sum(1.0 / rank) OVER () AS share
    FROM generate_series(1, $1) rank) zipf
"""
_FILL = """
INSERT INTO operations.operations (id, order_no, operation_no, workplace, item, planned_start, planned_end, due,
    qty_desired, qty_processed, qty_good, qty_scrap, qty_rework, status, entries, version, created_at, updated_at)
SELECT gen_random_uuid(), 'WO-' || lpad((n / {steps})::text, 8, '0'), lpad((10 * (1 + n % {steps}))::text, 4, '0'),
    'WP-' || lpad((1 + least({workplaces} - 1, width_bucket(random(), $2::float8[])))::text, 3, '0'),
    'IT-' || lpad(ceil({items} * random() * random())::text, 3, '0'),
    CASE WHEN n % 50 > 0 THEN day - interval '5 days' END, day, CASE WHEN n % 100 > 0 THEN day + slack END,
    100, 0, 0, 0, 0,
    CASE WHEN n % 97 = 0 THEN 'CANCELLED' WHEN n > 0.55 * $1 THEN 'RELEASED' WHEN n > 0.54 * $1 THEN 'IN_PROGRESS'
         ELSE 'FINISHED' END,
    0, 1, day - interval '60 days', day
FROM (SELECT n, timestamptz '2026-01-01Z' + n * (interval '730 days' / $1::float8) AS day,
             random() * interval '20 days' AS slack FROM generate_series(0, $1::bigint - 1) n) made
"""
_INDEXES = """
SELECT indexname AS name, indexdef AS definition FROM pg_indexes
WHERE schemaname = 'operations' AND tablename = 'operations'
  AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE connamespace = 'operations'::regnamespace)
"""


async def fill(superuser_url: str, rows: int) -> None:
    connection = await asyncpg.connect(superuser_url)
    await connection.execute("SET session_replication_role = replica; SET maintenance_work_mem = '1GB'")
    await _catalog(connection)
    indexes = await connection.fetch(_INDEXES)
    for index in indexes:
        await connection.execute(f"DROP INDEX operations.{index['name']}")
    shares = await connection.fetchval(_BUSIEST, WORKPLACES)
    made = _FILL.format(steps=OPERATIONS_OF_ORDER, workplaces=WORKPLACES, items=ITEMS)
    await connection.execute(made, rows, [float(share) for share in shares])
    for index in indexes:
        await connection.execute(index["definition"])
    await connection.execute("VACUUM (ANALYZE, FREEZE) operations.operations")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def _catalog(connection: asyncpg.Connection) -> None:
    for table, prefix, count in (("workplaces", "WP", WORKPLACES), ("items", "IT", ITEMS)):
        unit = (", unit, lot_tracked", ", 'pcs', false") if table == "items" else ("", "")
        await connection.execute(
            f"INSERT INTO operations.{table} (id, code, name, version, created_at, updated_at{unit[0]})"
            f" SELECT gen_random_uuid(), '{prefix}-' || lpad(n::text, 3, '0'), 'Number ' || n, 1, now(), now(){unit[1]}"
            f" FROM generate_series(1, {count}) n"
        )
