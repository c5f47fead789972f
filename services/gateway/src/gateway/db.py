"""Bases of this service's tables."""

from plantkit.db.row import Aggregate as KitAggregate
from plantkit.db.row import Row as KitRow
from plantkit.db.row import schema
from plantkit.messaging.read_models import progress_table

METADATA = schema("gateway")
PROGRESS = progress_table(METADATA)


class Row(KitRow):
    __abstract__ = True
    metadata = METADATA


class Aggregate(KitAggregate):
    __abstract__ = True
    metadata = METADATA
