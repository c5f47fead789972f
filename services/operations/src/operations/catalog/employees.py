"""Employees: what the service keeps of them."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate, not_at_work
from plantkit.db.structured import Structured
from plantkit.resources.resource import Bookable, Resource
from takt_contracts.operations.employees import EMPLOYEE, Qualification


class EmployeeRow(Bookable, Aggregate):
    """Who does the work."""

    __tablename__ = "employees"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "name"),
        Index(None, "workplace"),
        {"comment": "Who does the work", "info": not_at_work("employees")},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    workplace: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.workplaces.code"))
    qualifications: Mapped[tuple[Qualification, ...]] = mapped_column(Structured(Qualification))


EMPLOYEES = Resource(EMPLOYEE, EmployeeRow, search=("code", "name"))
