"""The schema of operations and the base classes of its tables."""

from typing import Any

from plantkit.db import row
from plantkit.db.constraints import TRIGGERS
from plantkit.errors import InUse

METADATA = row.schema("operations")


def not_at_work(table: str) -> dict[str, Any]:
    """What a trigger refuses of a table of what work goes on with, for `Table.info`: to archive one meanwhile."""
    return {TRIGGERS: {f"{table}_nobody_works_there_check": (InUse, "Work goes on with it.")}}


class Row(row.Row):
    __abstract__ = True
    metadata = METADATA


class Aggregate(row.Aggregate):
    __abstract__ = True
    metadata = METADATA
