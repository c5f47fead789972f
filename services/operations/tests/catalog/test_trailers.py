from operations.catalog.trailers import TRAILERS
from plantkit.testing.resource_suite import ResourceSuite


class TestTrailers(ResourceSuite):
    resource = TRAILERS
    valid = {"code": "TR-07", "name": "Trailer 07", "capacity_pallets": 33, "capacity_kg": "27000"}
    patch = {"name": "Trailer 07, cooled", "capacity_pallets": None}
    invalid = {"plate": "B--1", "capacity_pallets": 1.5, "capacity_kg": "1.0000001"}
