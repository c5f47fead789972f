"""The schema of records and the base classes of its tables."""

from plantkit.db import row

METADATA = row.schema("records")


class Row(row.Row):
    __abstract__ = True
    metadata = METADATA


class Aggregate(row.Aggregate):
    __abstract__ = True
    metadata = METADATA
