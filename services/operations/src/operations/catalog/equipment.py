"""Equipment: what the service keeps of it."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.operations.equipment import EQUIPMENT


class EquipmentRow(Archivable, Aggregate):
    """Fixtures and gauges."""

    __tablename__ = "equipment"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "workplace"),
        Index(None, "calibration_due"),
        Index(None, "category"),
        {"comment": "Fixtures and gauges"},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str | None] = mapped_column(String(200))
    workplace: Mapped[str | None] = mapped_column(String(40), ForeignKey("operations.workplaces.code"))
    manufacturer: Mapped[str | None] = mapped_column(String(200))
    serial_no: Mapped[str | None] = mapped_column(String(200))
    calibration_due: Mapped[datetime | None]


ALL_EQUIPMENT = Resource(EQUIPMENT, EquipmentRow, search=("code", "name", "serial_no"))
