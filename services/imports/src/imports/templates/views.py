"""Templates as everyone reads them."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from takt_contracts.resource import Kind
from takt_contracts.roles import Role
from takt_contracts.template import ImportTemplate, TemplateColumn


class ColumnView(BaseModel):
    """A column. `title`, `field` and each of `synonyms` are accepted as its header, in any case and punctuation.

    `required` ones are needed to create; `opening` ones are taken over when a row creates, and compared afterwards.
    """

    model_config = ConfigDict(from_attributes=True)

    field: str = Field(examples=["order_no"])
    title: str = Field(examples=["Order"])
    synonyms: tuple[str, ...] = Field(examples=[["Order no", "Auftrag"]])
    kind: Kind = Field(examples=["text"])
    key: bool = Field(examples=[True])
    required: bool = Field(examples=[True])
    nullable: bool = Field(description="Whether an empty cell empties the field.", examples=[False])
    opening: bool = Field(examples=[False])
    choices: tuple[str, ...] = Field(examples=[[]])
    description: str = Field(examples=["Number of the work order."])
    example: JsonValue = Field(examples=["WO-1001"])

    @classmethod
    def of(cls, column: TemplateColumn) -> Self:
        return cls.model_validate(column)


class TemplateView(BaseModel):
    """A template: which resource or record type its rows become, and whose role is needed to import them."""

    id: str = Field(examples=["operations"])
    target: str = Field(examples=["operations"])
    name: str = Field(examples=["operation"])
    owner: str = Field(examples=["operations"])
    writers: tuple[Role, ...] = Field(examples=[["PLANNER"]])
    key: tuple[str, ...] = Field(examples=[["order_no", "operation_no"]])
    columns: tuple[ColumnView, ...]

    @classmethod
    def of(cls, template: ImportTemplate) -> Self:
        return cls(
            id=template.id,
            target=template.target,
            name=template.name,
            owner=template.owner,
            writers=template.writers,
            key=template.key,
            columns=tuple(map(ColumnView.of, template.columns)),
        )


class TemplatePage(BaseModel):
    """`next` is always null: there are as many templates as resources, and all of them come at once."""

    next: str | None = None
    limit: int = Field(examples=[1000])


class TemplateList(BaseModel):
    """All templates, in the order of their ids."""

    data: list[TemplateView]
    page: TemplatePage
