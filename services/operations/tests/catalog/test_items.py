from operations.catalog.items import ITEMS
from plantkit.testing.resource_suite import ResourceSuite


class TestItems(ResourceSuite):
    resource = ITEMS
    valid = {
        "code": "HOUSING-12",
        "name": "Pump housing 12",
        "unit": "pcs",
        "category": "Housings",
        "lot_tracked": True,
    }
    patch = {"name": "Pump housing 12 mm", "lot_tracked": False}
    invalid = {"name": None, "unit": "x" * 21, "lot_tracked": "yes", "category": "two\nlines"}
