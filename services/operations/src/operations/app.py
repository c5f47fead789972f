"""The table of contents of operations."""

from operations.catalog.slice import SLICE as CATALOG
from operations.logistics.slice import SLICE as LOGISTICS
from operations.production.slice import SLICE as PRODUCTION
from operations.profiles.slice import SLICE as PROFILES
from operations.settings import Settings
from operations.statistics.slice import SLICE as STATISTICS
from operations.work_orders.slice import SLICE as WORK_ORDERS
from operations.workshop.slice import SLICE as WORKSHOP
from plantkit.service import Service

SLICES = (CATALOG, PROFILES, WORK_ORDERS, PRODUCTION, WORKSHOP, LOGISTICS, STATISTICS)
SERVICE = Service(name="operations", settings=Settings, slices=SLICES)
