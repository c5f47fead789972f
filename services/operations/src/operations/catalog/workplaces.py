"""Workplaces: what the service keeps of them."""

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate, not_at_work
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.operations.workplaces import WORKPLACE


class WorkplaceRow(Archivable, Aggregate):
    """Where operations are done."""

    __tablename__ = "workplaces"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "area"),
        {"comment": "Where operations are done", "info": not_at_work("workplaces")},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    area: Mapped[str | None] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(String(2000))


WORKPLACES = Resource(WORKPLACE, WorkplaceRow, search=("code", "name", "area"))
