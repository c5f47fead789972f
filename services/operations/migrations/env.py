"""Alembic's entry for operations."""

from plantkit.db import migrations

from operations.app import SERVICE
from operations.db import METADATA

assert SERVICE.name == "operations"
migrations.run(METADATA)
