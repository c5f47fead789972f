"""Items: what is made, moved or used up (a material definition)."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from takt_contracts.resource import Fields, ResourceChanged, ResourceContract, Stored
from takt_contracts.roles import Role
from takt_contracts.scalars import Code, Flag, Name, OperationNo, Quantity, Unit, Version


class RoutingStep(BaseModel):
    """One operation that making the item takes: a work order of the item begins with one of each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operation_no: OperationNo
    workplace: Code = Field(description="Code of the workplace.", examples=["CNC-07"])
    name: Name | None = None
    minutes_per_unit: Quantity | None = Field(None, description="Planned run time for one unit, in minutes.")
    qualification: Code | None = Field(None, description="Code of the qualification that it takes.")


def _each_number_once(steps: tuple[RoutingStep, ...]) -> tuple[RoutingStep, ...]:
    numbers = [step.operation_no for step in steps]
    if len(set(numbers)) < len(numbers):
        raise PydanticCustomError("number_twice", "An operation number should stand in it once.")
    return steps


Routing = Annotated[
    tuple[RoutingStep, ...],
    AfterValidator(_each_number_once),
    Field(
        max_length=100,
        description="The operations that making it takes.",
        examples=[[{"operation_no": "0010", "workplace": "CNC-07", "name": "Turning", "minutes_per_unit": "1.5"}]],
    ),
]


class ItemFields(Fields):
    """An item: what a client may write. Quantities of it are in `unit`."""

    code: Code
    name: Name
    unit: Unit = "pcs"
    category: Name | None = None
    lot_tracked: Flag = False
    routing: Routing = ()


class Item(ItemFields, Stored):
    """An item as everyone reads it. `profile` holds for its operations that have none of their own."""

    profile: UUID | None = Field(None, description="Process profile: id of the record.", examples=[None])
    profile_version: Version | None = Field(None, examples=[None])


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
    titles={
        "code": "Item",
        "name": "Name",
        "unit": "Unit",
        "category": "Category",
        "lot_tracked": "Lot tracked",
        "routing": "Routing",
    },
    synonyms={
        "code": ("Item code", "Item no", "Item number", "Code", "Material", "Part number", "SKU", "Article", "Artikel"),
        "name": ("Item name", "Title", "Description", "Designation", "Bezeichnung"),
        "unit": ("Unit of measure", "UoM", "Einheit"),
        "category": ("Item group", "Group", "Class", "Warengruppe"),
        "lot_tracked": ("Lot", "Batch tracked", "Chargenpflichtig"),
        "routing": ("Operations", "Steps", "Route", "Arbeitsplan"),
    },
)
