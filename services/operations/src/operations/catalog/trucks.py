"""Trucks: what the service keeps of them."""

from operations.catalog.loads import carries_its_load
from operations.catalog.vehicles import SEARCHED, VehicleRow, vehicle_table
from plantkit.resources.resource import Resource
from takt_contracts.operations.trucks import TRUCK


class TruckRow(VehicleRow):
    """What pulls, and often carries, a transport."""

    __tablename__ = "trucks"
    __table_args__ = vehicle_table("trucks", "What pulls, and often carries, a transport")


TRUCKS = Resource(TRUCK, TruckRow, search=SEARCHED, rules=(carries_its_load("truck"),))
