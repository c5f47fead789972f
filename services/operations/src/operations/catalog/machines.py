"""Machines: what the service keeps of them."""

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate, not_at_work
from plantkit.resources.resource import Bookable, Resource
from takt_contracts.operations.machines import MACHINE


class MachineRow(Bookable, Aggregate):
    """The physical assets that stand at workplaces."""

    __tablename__ = "machines"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "workplace"),
        {"comment": "The physical assets that stand at workplaces", "info": not_at_work("machines")},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    workplace: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.workplaces.code"))
    manufacturer: Mapped[str | None] = mapped_column(String(200))
    model: Mapped[str | None] = mapped_column(String(200))
    serial_no: Mapped[str | None] = mapped_column(String(200))


MACHINES = Resource(MACHINE, MachineRow, search=("code", "name", "serial_no"))
