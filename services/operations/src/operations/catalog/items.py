"""Items: what the service keeps of them."""

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate
from plantkit.db.structured import Structured
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.operations.items import ITEM, RoutingStep


class ItemRow(Archivable, Aggregate):
    """What is made, moved or used up."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "category"),
        Index(None, "routing", postgresql_using="gin", postgresql_ops={"routing": "jsonb_path_ops"}),
        {"comment": "What is made, moved or used up"},
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    unit: Mapped[str] = mapped_column(String(20))
    category: Mapped[str | None] = mapped_column(String(200))
    lot_tracked: Mapped[bool]
    routing: Mapped[tuple[RoutingStep, ...]] = mapped_column(
        Structured(RoutingStep, refers={"workplace": "operations.workplaces.code"})
    )


ITEMS = Resource(ITEM, ItemRow, search=("code", "name", "category"))
