"""Many new rows at once. COPY costs less than an INSERT from arrays; the same constraints and triggers judge it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any

import asyncpg
from sqlalchemy import Table

from plantkit.db.machinery import OUTBOX
from plantkit.db.row import Row
from plantkit.db.structured import as_sent
from plantkit.db.writer import OUTBOX_COLUMNS, names_of


async def copy_rows(connection: asyncpg.Connection, table: Table, rows: Sequence[Row]) -> None:
    """New rows, each with every column."""
    names, read = _reader(table)
    records = [read(as_sent(table, vars(row))) for row in rows]
    await connection.copy_records_to_table(table.name, schema_name=table.schema, columns=names, records=records)


async def copy_told(connection: asyncpg.Connection, rows: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Rows of the outbox. Their `recorded_at` is given, as COPY takes rows one by one where the database has to ask
    its clock for each.
    """
    read = itemgetter(*OUTBOX_COLUMNS)
    records = [(*read(row), now) for row in rows]
    columns = [*OUTBOX_COLUMNS, OUTBOX.c.recorded_at.name]
    await connection.copy_records_to_table(OUTBOX.name, columns=columns, records=records)


@cache
def _reader(table: Table) -> tuple[tuple[str, ...], Any]:
    names = names_of(table)
    return names, itemgetter(*names)
