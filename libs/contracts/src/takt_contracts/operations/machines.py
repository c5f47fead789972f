"""Machines: the physical assets that stand at workplaces."""

from typing import Annotated

from pydantic import Field

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name


class MachineFields(Fields):
    """A machine: what a client may write."""

    code: Code
    name: Name
    workplace: Annotated[Code | None, Field(description="Code of the workplace it stands at.")] = None
    manufacturer: Name | None = None
    model: Name | None = None
    serial_no: Name | None = None


class Machine(MachineFields, Stored):
    """A machine as everyone reads it."""


class MachineChanged(ResourceChanged[Machine]):
    """A machine was created, updated, archived or restored."""


MACHINE = ResourceContract(
    owner="operations",
    name="machine",
    plural="machines",
    fields=MachineFields,
    state=Machine,
    changed=MachineChanged,
    key=("code",),
    write=Role.PLANNER,
    titles={
        "code": "Machine",
        "name": "Name",
        "workplace": "Workplace",
        "manufacturer": "Manufacturer",
        "model": "Model",
        "serial_no": "Serial No",
    },
    synonyms={
        "code": ("Machine code", "Code", "Machine no", "Equipment", "Asset", "Maschine"),
        "name": ("Machine name", "Title", "Designation", "Bezeichnung"),
        "workplace": ("Work center", "Work centre", "Workstation", "Location", "Arbeitsplatz"),
        "manufacturer": ("Maker", "Make", "Brand", "Hersteller"),
        "model": ("Type", "Model no", "Modell", "Typ"),
        "serial_no": ("Serial number", "Serial", "Seriennummer"),
    },
)
