"""Alembic's entry for operations."""

from operations.app import SERVICE
from operations.db import METADATA
from plantkit.db import migrations

assert SERVICE.name == "operations"
migrations.run(METADATA)
