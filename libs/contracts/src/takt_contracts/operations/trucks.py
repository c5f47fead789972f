"""Trucks: what pulls, and often carries, a transport."""

from takt_contracts.operations import vehicles
from takt_contracts.resource import ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role


class TruckFields(vehicles.VehicleFields):
    """A truck: what a client may write."""


class Truck(TruckFields, Stored):
    """A truck as everyone reads it."""


class TruckChanged(ResourceChanged[Truck]):
    """A truck was created, updated, archived or restored."""


TRUCK = ResourceContract(
    owner="operations",
    name="truck",
    plural="trucks",
    fields=TruckFields,
    state=Truck,
    changed=TruckChanged,
    key=("code",),
    write=Role.DISPATCHER,
    titles=vehicles.titles("Truck"),
    synonyms=vehicles.synonyms("Truck", "LKW"),
)
