"""Transport orders as a resource: what every resource promises."""

from operations.catalog.terminals import TERMINALS
from operations.logistics.planning import TRANSPORT_ORDERS
from plantkit.testing.resource_suite import ResourceSuite


class TestTransportOrders(ResourceSuite):
    resource = TRANSPORT_ORDERS
    requires = ((TERMINALS, {"code": "HAM-1", "name": "Hamburg 1"}),)
    valid = {
        "no": "TO-1",
        "service": "express",
        "priority": 2,
        "terminal": "HAM-1",
        "inbound_departure": "2026-03-02T04:00:00Z",
        "eta": "2026-03-02T06:00:00Z",
        "etd": "2026-03-02T08:00:00Z",
        "outbound_arrival": "2026-03-02T12:00:00Z",
        "pallets": 4,
        "boxes": 2,
        "kilos": "1250.5",
    }
    patch = {"priority": 1, "note": "customer waits"}
    invalid = {
        "priority": 10,
        "pallets": -1,
        "boxes": 1.5,
        "kilos": "-0.1",
        "terminal": "HAM-1 ",
        "eta": "tomorrow",
    }
