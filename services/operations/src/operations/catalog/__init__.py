"""The declared resources of operations: one file each, all of them in RESOURCES."""

from operations.catalog.items import ITEMS
from operations.catalog.machines import MACHINES
from operations.catalog.workplaces import WORKPLACES

RESOURCES = (WORKPLACES, MACHINES, ITEMS)
