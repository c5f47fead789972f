"""Drivers: who drives transports; a driver is in one place at a time."""

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, Phone


class DriverFields(Fields):
    """A driver: what a client may write."""

    code: Code
    name: Name
    phone: Phone | None = None


class Driver(DriverFields, Stored):
    """A driver as everyone reads it."""


class DriverChanged(ResourceChanged[Driver]):
    """A driver was created, updated, archived or restored."""


DRIVER = ResourceContract(
    owner="operations",
    name="driver",
    plural="drivers",
    fields=DriverFields,
    state=Driver,
    changed=DriverChanged,
    key=("code",),
    write=Role.DISPATCHER,
    titles={
        "code": "Driver",
        "name": "Name",
        "phone": "Phone",
    },
    synonyms={
        "code": (
            "Driver code",
            "Driver no",
            "Code",
            "Fahrer",
        ),
        "name": (
            "Driver name",
            "Full name",
        ),
        "phone": (
            "Phone number",
            "Telephone",
            "Mobile",
            "Cell phone",
            "Telefon",
            "Handy",
        ),
    },
)
