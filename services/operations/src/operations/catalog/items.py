"""Items: what the service keeps of them."""

from uuid import UUID

from sqlalchemy import BigInteger, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from operations.db import Aggregate
from operations.profiles.model import bound_profile
from plantkit.db.structured import Structured
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.operations.items import ITEM, RoutingStep


class ItemRow(Archivable, Aggregate):
    """What is made, moved or used up."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("code"),
        Index(None, "category"),
        *bound_profile(),
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
    profile: Mapped[UUID | None]
    profile_version: Mapped[int | None] = mapped_column(BigInteger)


ITEMS = Resource(ITEM, ItemRow, search=("code", "name", "category"))
