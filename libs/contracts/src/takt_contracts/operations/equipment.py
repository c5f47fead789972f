"""Equipment: fixtures and gauges, and until when their calibration holds."""

from typing import Annotated

from pydantic import Field

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, UtcDatetime


class EquipmentFields(Fields):
    """A piece of equipment: what a client may write."""

    code: Code
    name: Name
    category: Name | None = None
    workplace: Annotated[Code | None, Field(description="Code of the workplace it is kept at.")] = None
    manufacturer: Name | None = None
    serial_no: Name | None = None
    calibration_due: Annotated[UtcDatetime | None, Field(description="When it is to be calibrated again.")] = None


class Equipment(EquipmentFields, Stored):
    """A piece of equipment as everyone reads it."""


class EquipmentChanged(ResourceChanged[Equipment]):
    """A piece of equipment was created, updated, archived or restored."""


EQUIPMENT = ResourceContract(
    owner="operations",
    name="equipment",
    plural="equipment",
    fields=EquipmentFields,
    state=Equipment,
    changed=EquipmentChanged,
    key=("code",),
    write=Role.PLANNER,
    titles={
        "code": "Equipment",
        "name": "Name",
        "category": "Category",
        "workplace": "Workplace",
        "manufacturer": "Manufacturer",
        "serial_no": "Serial No",
        "calibration_due": "Calibration due",
    },
    synonyms={
        "code": (
            "Equipment code",
            "Equipment no",
            "Gauge",
            "Fixture",
            "Code",
            "Betriebsmittel",
            "Prüfmittel",
        ),
        "name": (
            "Equipment name",
            "Title",
            "Designation",
            "Bezeichnung",
        ),
        "category": (
            "Equipment class",
            "Class",
            "Group",
            "Type",
        ),
        "workplace": (
            "Work center",
            "Work centre",
            "Workstation",
            "Location",
            "Arbeitsplatz",
        ),
        "manufacturer": (
            "Maker",
            "Make",
            "Brand",
            "Hersteller",
        ),
        "serial_no": (
            "Serial number",
            "Serial",
            "Seriennummer",
        ),
        "calibration_due": (
            "Calibrate by",
            "Next calibration",
            "Valid until",
            "Kalibrierung fällig",
        ),
    },
)
