"""Alembic's entry for the gateway."""

from gateway.app import SERVICE
from gateway.db import METADATA
from plantkit.db import migrations

assert SERVICE.name == "gateway"
migrations.run(METADATA)
