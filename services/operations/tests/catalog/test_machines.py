from operations.catalog.machines import MACHINES
from operations.catalog.workplaces import WORKPLACES
from plantkit.testing.resource_suite import ResourceSuite


class TestMachines(ResourceSuite):
    resource = MACHINES
    requires = ((WORKPLACES, {"code": "WP-1", "name": "Cell 1"}),)
    valid = {"code": "MILL-1", "name": "Mill 1", "workplace": "WP-1", "serial_no": "4711"}
    patch = {"name": "Mill One", "workplace": None}
    invalid = {"name": "x" * 201, "workplace": " WP-1", "model": ["M"]}
