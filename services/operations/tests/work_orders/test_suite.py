from operations.catalog.items import ITEMS
from operations.production.routing import WORK_ORDERS
from plantkit.testing.resource_suite import ResourceSuite


class TestWorkOrders(ResourceSuite):
    resource = WORK_ORDERS
    requires = ((ITEMS, {"code": "SHAFT-40", "name": "Shaft 40"}),)
    valid = {
        "order_no": "WO-1001",
        "name": "Shafts for line 7",
        "item": "SHAFT-40",
        "qty_desired": "100",
        "priority": 3,
        "due": "2026-12-24T12:00:00Z",
    }
    patch = {"priority": 1, "due": None}
    invalid = {"priority": 0, "qty_desired": "-1", "due": "tomorrow", "item": "a/b"}
