"""Drivers: what the service keeps of them."""

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate
from plantkit.resources.resource import Bookable, Resource
from takt_contracts.operations.drivers import DRIVER


class DriverRow(Bookable, Aggregate):
    """Who drives transports."""

    __tablename__ = "drivers"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "name"),
        Index(None, "phone"),
        {"comment": "Who drives transports"},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str | None] = mapped_column(String(40))


DRIVERS = Resource(DRIVER, DriverRow, search=("code", "name", "phone"))
