from operations.catalog.equipment import ALL_EQUIPMENT
from operations.catalog.workplaces import WORKPLACES
from plantkit.testing.resource_suite import ResourceSuite


class TestEquipment(ResourceSuite):
    resource = ALL_EQUIPMENT
    requires = ((WORKPLACES, {"code": "WP-1", "name": "Cell 1"}),)
    valid = {
        "code": "GAUGE-1",
        "name": "Calliper 1",
        "category": "Gauges",
        "workplace": "WP-1",
        "serial_no": "77",
        "calibration_due": "2027-03-02T00:00:00Z",
    }
    patch = {"calibration_due": "2028-03-02T00:00:00Z", "workplace": None}
    invalid = {"name": "x" * 201, "calibration_due": "next year", "workplace": "/"}
