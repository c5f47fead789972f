"""docs/database.md: the tables as PostgreSQL describes them after all migrations."""

import asyncio
from collections.abc import Iterator, Sequence

import asyncpg

from plantkit.testing.database import TestDatabase
from takt.work.schemas import Databases

PAGE = "docs/database.md"

_TABLES = """
SELECT c.oid, c.relname AS name, obj_description(c.oid) AS comment,
       CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partitioned
FROM pg_class c
WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
       pg_get_expr(d.adbin, d.adrelid) AS default_value, col_description(a.attrelid, a.attnum) AS comment
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
_CONSTRAINTS = """
SELECT conname AS name, pg_get_constraintdef(oid) AS definition
FROM pg_constraint WHERE conrelid = $1::oid AND contype <> 'n' ORDER BY contype DESC, conname
"""
_INDEXES = """
SELECT c.relname AS name, pg_get_indexdef(i.indexrelid) AS definition
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1::oid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid)
ORDER BY c.relname
"""
_HEAD = """# The database

Written by `takt docs` from the migrated schemas; do not edit.

One PostgreSQL database, one schema and two roles for each service: `<service>_owner` owns the tables and runs the
migrations, `<service>_app` is the login of the service, owns nothing and sees no other schema.
"""


def page(databases: Databases) -> str:
    return "\n".join([_HEAD, *(part for database in databases.values() for part in asyncio.run(_schema(database)))])


async def _schema(database: TestDatabase) -> list[str]:
    connection = await asyncpg.connect(database.superuser_url)
    try:
        lines = [f"## {database.service}", ""]
        for table in await connection.fetch(_TABLES, database.service):
            lines += await _table(connection, table)
        return lines
    finally:
        await connection.close()


async def _table(connection: asyncpg.Connection, table: asyncpg.Record) -> list[str]:
    columns = await connection.fetch(_COLUMNS, table["oid"])
    constraints = await connection.fetch(_CONSTRAINTS, table["oid"])
    indexes = await connection.fetch(_INDEXES, table["oid"])
    return [*_title(table), *_columns(columns), "", *_listed(constraints), *_listed(indexes), ""]


def _title(table: asyncpg.Record) -> Iterator[str]:
    yield from (f"### {table['name']}", "")
    if table["comment"]:
        yield from (table["comment"], "")
    if table["partitioned"]:
        yield from (f"Partitioned by {table['partitioned']}.", "")


def _columns(columns: Sequence[asyncpg.Record]) -> Iterator[str]:
    yield "| column | type | required | default | what it is |"
    yield "|---|---|---|---|---|"
    for c in columns:
        default = f"`{c['default_value']}`" if c["default_value"] else ""
        cells = (f"`{c['name']}`", c["type"], "yes" if c["required"] else "", default, c["comment"] or "")
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _listed(named: Sequence[asyncpg.Record]) -> Iterator[str]:
    for one in named:
        yield f"- `{one['name']}`: `{one['definition']}`"
