"""Items: what is made, moved or used up (a material definition)."""

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
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
    write=Role.PLANNER,
    titles={"code": "Item", "name": "Name", "unit": "Unit", "category": "Category", "lot_tracked": "Lot tracked"},
    synonyms={
        "code": ("Item code", "Item no", "Item number", "Code", "Material", "Part number", "SKU", "Article", "Artikel"),
        "name": ("Item name", "Title", "Description", "Designation", "Bezeichnung"),
        "unit": ("Unit of measure", "UoM", "Einheit"),
        "category": ("Item group", "Group", "Class", "Warengruppe"),
        "lot_tracked": ("Lot", "Batch tracked", "Chargenpflichtig"),
    },
)
