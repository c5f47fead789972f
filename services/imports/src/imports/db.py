"""The schema of imports and the base classes of its tables."""

from plantkit.db import row

METADATA = row.schema("imports")


class Row(row.Row):
    __abstract__ = True
    metadata = METADATA


class Aggregate(row.Aggregate):
    __abstract__ = True
    metadata = METADATA
