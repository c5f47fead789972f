"""Alembic's entry for records."""

from plantkit.db import migrations
from records.app import SERVICE
from records.db import METADATA

assert SERVICE.name == "records"
migrations.run(METADATA)
