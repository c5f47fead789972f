from operations.catalog.employees import EMPLOYEES
from operations.catalog.workplaces import WORKPLACES
from plantkit.testing.resource_suite import ResourceSuite


class TestEmployees(ResourceSuite):
    resource = EMPLOYEES
    requires = ((WORKPLACES, {"code": "WP-1", "name": "Cell 1"}),)
    valid = {
        "code": "E-07",
        "name": "Operator 07",
        "workplace": "WP-1",
        "qualifications": [
            {"code": "WELD-MAG", "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-12-31T00:00:00Z"},
            {"code": "CRANE", "valid_from": None, "valid_until": None},
        ],
    }
    patch = {"name": "Operator 07, night shift", "workplace": None, "qualifications": []}
    invalid = {"name": 7, "workplace": " WP-1"}
