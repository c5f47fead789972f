"""Trailers: what the service keeps of them."""

from operations.catalog.loads import carries_its_load
from operations.catalog.vehicles import SEARCHED, VehicleRow, vehicle_table
from plantkit.resources.resource import Resource
from takt_contracts.operations.trailers import TRAILER


class TrailerRow(VehicleRow):
    """What carries a transport behind a truck."""

    __tablename__ = "trailers"
    __table_args__ = vehicle_table("trailers", "What carries a transport behind a truck")


TRAILERS = Resource(TRAILER, TrailerRow, search=SEARCHED, rules=(carries_its_load("trailer"),))
