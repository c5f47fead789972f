"""Alembic's entry for imports."""

from plantkit.db import migrations

from imports.app import SERVICE
from imports.db import METADATA

assert SERVICE.name == "imports"
migrations.run(METADATA)
