from operations.catalog.drivers import DRIVERS
from plantkit.testing.resource_suite import ResourceSuite


class TestDrivers(ResourceSuite):
    resource = DRIVERS
    valid = {"code": "D-07", "name": "Driver 07", "phone": "+49 40 123-456"}
    patch = {"phone": "040 654321"}
    invalid = {"name": None, "phone": "ask at the gate"}
