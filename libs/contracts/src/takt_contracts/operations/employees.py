"""Employees: who does the work. A person is at one place at a time."""

from typing import Annotated

from pydantic import Field

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Name


class EmployeeFields(Fields):
    """An employee: what a client may write."""

    code: Code
    name: Name
    workplace: Annotated[Code | None, Field(description="Code of the workplace they usually work at.")] = None


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
    },
)
