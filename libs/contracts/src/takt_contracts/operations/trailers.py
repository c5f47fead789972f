"""Trailers: what carries a transport behind a truck."""

from typing import Annotated

from pydantic import Field

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Count, Name, Plate, Quantity


class TrailerFields(Fields):
    """A trailer: what a client may write."""

    code: Code
    name: Name
    plate: Plate | None = None
    capacity_pallets: Annotated[Count | None, Field(description="How many pallets it takes.")] = None
    capacity_kg: Annotated[Quantity | None, Field(description="What it may carry, in kilograms.")] = None


class Trailer(TrailerFields, Stored):
    """A trailer as everyone reads it."""


class TrailerChanged(ResourceChanged[Trailer]):
    """A trailer was created, updated, archived or restored."""


TRAILER = ResourceContract(
    owner="operations",
    name="trailer",
    plural="trailers",
    fields=TrailerFields,
    state=Trailer,
    changed=TrailerChanged,
    key=("code",),
    write=Role.DISPATCHER,
    titles={
        "code": "Trailer",
        "name": "Name",
        "plate": "Plate",
        "capacity_pallets": "Capacity pallets",
        "capacity_kg": "Capacity kg",
    },
    synonyms={
        "code": (
            "Trailer code",
            "Trailer no",
            "Vehicle",
            "Code",
            "Anhänger",
        ),
        "name": (
            "Trailer name",
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
