"""The table of contents of operations."""

from operations.catalog.slice import SLICE as CATALOG
from operations.production.slice import SLICE as PRODUCTION
from operations.settings import Settings
from plantkit.service import Service

SLICES = (CATALOG, PRODUCTION)
SERVICE = Service(name="operations", settings=Settings, slices=SLICES)
