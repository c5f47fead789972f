from operations.catalog.machines import MACHINES
from operations.catalog.workplaces import WORKPLACES
from plantkit.testing.resource_suite import ResourceSuite


class TestWorkplaces(ResourceSuite):
    resource = WORKPLACES
    valid = {"code": "CNC-07", "name": "Milling centre 7", "area": "Hall 2"}
    patch = {"name": "Milling centre 7b", "area": None}
    invalid = {"code": "a/b", "name": "", "area": 7, "description": "x" * 2001}
    used_by = (MACHINES, {"code": "M-1", "name": "Mill"}, "workplace")
