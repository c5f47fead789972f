"""Items: what is made, moved or used up (a material definition)."""

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.scalars import Code, Flag, Name, Unit


class ItemFields(Fields):
    """An item: what a client may write. Quantities of it are in `unit`."""

    code: Code
    name: Name
    unit: Unit = "pcs"
    category: Name | None = None
    lot_tracked: Flag = False


class Item(ItemFields, Stored):
    """An item as everyone reads it."""


class ItemChanged(ResourceChanged[Item]):
    """An item was created, updated, archived or restored."""


ITEM = ResourceContract(
    owner="operations",
    name="item",
    plural="items",
    fields=ItemFields,
    state=Item,
    changed=ItemChanged,
    key=("code",),
    titles={"code": "Item", "name": "Name", "unit": "Unit", "category": "Category", "lot_tracked": "Lot tracked"},
)
