"""Alembic's entry for imports."""

from imports.app import SERVICE
from imports.db import METADATA
from plantkit.db import migrations

assert SERVICE.name == "imports"
migrations.run(METADATA)
