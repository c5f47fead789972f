"""The schema of operations and the base classes of its tables."""

from plantkit.db import row

METADATA = row.schema("operations")


class Row(row.Row):
    __abstract__ = True
    metadata = METADATA


class Aggregate(row.Aggregate):
    __abstract__ = True
    metadata = METADATA
