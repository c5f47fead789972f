"""Vehicles: what the service keeps of trucks and of trailers."""

from decimal import Decimal
from typing import Any, Final

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.catalog.loads import kept_by_trigger
from operations.db import Aggregate
from plantkit.resources.resource import Bookable

SEARCHED: Final = ("code", "name", "plate")


class VehicleRow(Bookable, Aggregate):
    """A truck or a trailer, each kind in a table of its own."""

    __abstract__ = True

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    plate: Mapped[str | None] = mapped_column(String(20))
    capacity_pallets: Mapped[int | None] = mapped_column(BigInteger)
    capacity_kg: Mapped[Decimal | None] = mapped_column(Numeric(18, 6))


def vehicle_table(name: str, comment: str) -> tuple[Any, ...]:
    """`__table_args__` of the table of one kind."""
    return (
        UniqueConstraint("code"),
        UniqueConstraint("plate"),
        CheckConstraint("capacity_pallets >= 0 AND capacity_kg >= 0", name="nothing_is_negative"),
        Index(None, "name"),
        Index(None, "capacity_pallets"),
        Index(None, "capacity_kg"),
        {"comment": comment, "info": kept_by_trigger(name)},
    )
