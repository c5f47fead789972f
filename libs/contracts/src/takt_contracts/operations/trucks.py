"""Trucks: what pulls, and often carries, a transport."""

from typing import Annotated

from pydantic import Field

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Count, Name, Plate, Quantity


class TruckFields(Fields):
    """A truck: what a client may write."""

    code: Code
    name: Name
    plate: Plate | None = None
    capacity_pallets: Annotated[Count | None, Field(description="How many pallets it takes.")] = None
    capacity_kg: Annotated[Quantity | None, Field(description="What it may carry, in kilograms.")] = None


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
    titles={
        "code": "Truck",
        "name": "Name",
        "plate": "Plate",
        "capacity_pallets": "Capacity pallets",
        "capacity_kg": "Capacity kg",
    },
    synonyms={
        "code": (
            "Truck code",
            "Truck no",
            "Vehicle",
            "Code",
            "LKW",
        ),
        "name": (
            "Truck name",
            "Title",
            "Designation",
            "Bezeichnung",
        ),
        "plate": (
            "License plate",
            "Licence plate",
            "Number plate",
            "Registration",
            "Kennzeichen",
        ),
        "capacity_pallets": (
            "Pallets",
            "Pallet places",
            "Palettenplätze",
        ),
        "capacity_kg": (
            "Payload",
            "Payload kg",
            "Max load",
            "Nutzlast",
        ),
    },
)
