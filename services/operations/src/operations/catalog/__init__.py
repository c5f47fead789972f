"""The declared resources of operations: one file each, all of them in RESOURCES."""

from operations.catalog.drivers import DRIVERS
from operations.catalog.employees import EMPLOYEES
from operations.catalog.equipment import ALL_EQUIPMENT
from operations.catalog.items import ITEMS
from operations.catalog.machines import MACHINES
from operations.catalog.terminals import TERMINALS
from operations.catalog.trailers import TRAILERS
from operations.catalog.trucks import TRUCKS
from operations.catalog.workplaces import WORKPLACES

RESOURCES = (
    WORKPLACES,
    MACHINES,
    EMPLOYEES,
    ALL_EQUIPMENT,
    ITEMS,
    TERMINALS,
    DRIVERS,
    TRUCKS,
    TRAILERS,
)
