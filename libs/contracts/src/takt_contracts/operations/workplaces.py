"""Workplaces: where operations are done (a work unit; the machine standing there can be swapped)."""

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, Text


class WorkplaceFields(Fields):
    """A workplace: what a client may write."""

    code: Code
    name: Name
    area: Name | None = None
    description: Text | None = None


class Workplace(WorkplaceFields, Stored):
    """A workplace as everyone reads it."""


class WorkplaceChanged(ResourceChanged[Workplace]):
    """A workplace was created, updated, archived or restored."""


WORKPLACE = ResourceContract(
    owner="operations",
    name="workplace",
    plural="workplaces",
    fields=WorkplaceFields,
    state=Workplace,
    changed=WorkplaceChanged,
    key=("code",),
    write=Role.PLANNER,
    titles={"code": "Workplace", "name": "Name", "area": "Area", "description": "Description"},
    synonyms={
        "code": ("Workplace code", "Code", "Work center", "Work centre", "Workstation", "Resource", "Arbeitsplatz"),
        "name": ("Workplace name", "Title", "Designation", "Bezeichnung"),
        "area": ("Location", "Department", "Hall", "Bereich"),
        "description": ("Details", "Remarks", "Beschreibung"),
    },
)
