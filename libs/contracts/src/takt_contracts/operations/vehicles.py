"""Vehicles: what trucks and trailers have in common."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import Field

from takt_contracts.resource import Fields
from takt_contracts.scalars import Code, Count, Name, Plate, Quantity


class VehicleFields(Fields):
    """What a client may write of a truck or a trailer."""

    code: Code
    name: Name
    plate: Plate | None = None
    capacity_pallets: Annotated[Count | None, Field(description="How many pallets it takes.")] = None
    capacity_kg: Annotated[Quantity | None, Field(description="What it may carry, in kilograms.")] = None


_TITLES: Final = MappingProxyType(
    {"name": "Name", "plate": "Plate", "capacity_pallets": "Capacity pallets", "capacity_kg": "Capacity kg"}
)
_SYNONYMS: Final = MappingProxyType(
    {
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
    }
)


def titles(kind: str) -> Mapping[str, str]:
    """Of the columns of a workbook; `kind` is the word for one of them."""
    return {"code": kind, **_TITLES}


def synonyms(kind: str, other_word: str) -> Mapping[str, tuple[str, ...]]:
    """What else others call the columns."""
    return {
        "code": (f"{kind} code", f"{kind} no", "Vehicle", "Code", other_word),
        "name": (f"{kind} name", "Title", "Designation", "Bezeichnung"),
        **_SYNONYMS,
    }
