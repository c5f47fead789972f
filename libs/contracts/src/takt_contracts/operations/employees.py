"""Employees: who does the work. A person is at one place at a time."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name, UtcDatetime


class Qualification(BaseModel):
    """What somebody may do, and from when until when: valid from the one moment on, and not at the other any more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Code
    valid_from: UtcDatetime | None = None
    valid_until: UtcDatetime | None = Field(None, validate_default=True)

    @field_validator("valid_until")
    @classmethod
    def ends_after_it_begins(cls, until: datetime | None, others: ValidationInfo) -> datetime | None:
        begins = others.data.get("valid_from")
        if until is not None and begins is not None and until <= begins:
            raise PydanticCustomError("window_empty", "Should be after valid_from.")
        return until


Qualifications = Annotated[
    tuple[Qualification, ...],
    Field(
        max_length=100,
        description="What the employee is qualified for. The same code may stand there again for another time.",
        examples=[[{"code": "WELD-MAG", "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2027-12-31T00:00:00Z"}]],
    ),
]


class EmployeeFields(Fields):
    """An employee: what a client may write."""

    code: Code
    name: Name
    workplace: Annotated[Code | None, Field(description="Code of the workplace they usually work at.")] = None
    qualifications: Qualifications = ()


class Employee(EmployeeFields, Stored):
    """An employee as everyone reads it."""


class EmployeeChanged(ResourceChanged[Employee]):
    """An employee was created, updated, archived or restored."""


EMPLOYEE = ResourceContract(
    owner="operations",
    name="employee",
    plural="employees",
    fields=EmployeeFields,
    state=Employee,
    changed=EmployeeChanged,
    key=("code",),
    write=Role.PLANNER,
    titles={
        "code": "Employee",
        "name": "Name",
        "workplace": "Workplace",
        "qualifications": "Qualifications",
    },
    synonyms={
        "code": (
            "Employee code",
            "Employee no",
            "Personnel number",
            "Badge",
            "Code",
            "Mitarbeiter",
            "Personalnummer",
        ),
        "name": (
            "Employee name",
            "Full name",
        ),
        "workplace": (
            "Work center",
            "Work centre",
            "Workstation",
            "Arbeitsplatz",
        ),
        "qualifications": ("Skills", "Certificates", "Qualifikationen"),
    },
)
