from operations.catalog.employees import EMPLOYEES
from operations.catalog.workplaces import WORKPLACES
from plantkit.testing.resource_suite import ResourceSuite


class TestEmployees(ResourceSuite):
    resource = EMPLOYEES
    requires = ((WORKPLACES, {"code": "WP-1", "name": "Cell 1"}),)
    valid = {"code": "E-07", "name": "Operator 07", "workplace": "WP-1"}
    patch = {"name": "Operator 07, night shift", "workplace": None}
    invalid = {"name": 7, "workplace": " WP-1"}
