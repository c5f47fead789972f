"""Trailers: what the service keeps of them."""

from decimal import Decimal

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.catalog.loads import carries_its_load, kept_by_trigger
from operations.db import Aggregate
from plantkit.resources.resource import Bookable, Resource
from takt_contracts.operations.trailers import TRAILER


class TrailerRow(Bookable, Aggregate):
    """What carries a transport behind a truck."""

    __tablename__ = "trailers"
    __table_args__ = (
        UniqueConstraint("code"),
        UniqueConstraint("plate"),
        CheckConstraint("capacity_pallets >= 0 AND capacity_kg >= 0", name="nothing_is_negative"),
        Index(None, "name"),
        Index(None, "capacity_pallets"),
        Index(None, "capacity_kg"),
        {"comment": "What carries a transport behind a truck", "info": kept_by_trigger("trailers")},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    plate: Mapped[str | None] = mapped_column(String(20))
    capacity_pallets: Mapped[int | None] = mapped_column(BigInteger)
    capacity_kg: Mapped[Decimal | None] = mapped_column(Numeric(18, 6))


TRAILERS = Resource(TRAILER, TrailerRow, search=("code", "name", "plate"), rules=(carries_its_load("trailer"),))
