"""What a workbook must look like to land as a resource: derived from the resource's contract, never written twice."""

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from pydantic import create_model
from pydantic.fields import FieldInfo

from takt_contracts.resource import Fields, Kind, ResourceContract, list_field
from takt_contracts.roles import Role


@dataclass(frozen=True, kw_only=True)
class TemplateColumn:
    """One column: `title` is the header we write, `synonyms` are others that we read, best first.

    `required` ones are needed to create, `nullable` ones may be emptied, `opening` ones are taken over when the row
    creates and are compared afterwards. `choices` are all values there are. `annotation` validates one value, as JSON.
    """

    field: str
    title: str
    synonyms: tuple[str, ...]
    kind: Kind
    key: bool
    required: bool
    nullable: bool
    opening: bool
    choices: tuple[str, ...]
    description: str
    example: Any
    annotation: Any


@dataclass(frozen=True, kw_only=True)
class ImportTemplate:
    """The built-in template of a resource: id and target are its plural. `write` is the role that may use it."""

    id: str
    owner: str
    name: str
    write: Role
    columns: tuple[TemplateColumn, ...]
    row: type[Fields]

    @property
    def target(self) -> str:
        return self.id

    @property
    def key(self) -> tuple[str, ...]:
        return tuple(column.field for column in self.columns if column.key)

    @cached_property
    def by_field(self) -> dict[str, TemplateColumn]:
        return {column.field: column for column in self.columns}


def template_of(contract: ResourceContract[Any, Any]) -> ImportTemplate:
    """Columns in the order of the fields, what may be brought along after them."""
    opening = set() if contract.opening is None else set(contract.opening.model_fields)
    return ImportTemplate(
        id=contract.plural,
        owner=contract.owner,
        name=contract.name,
        write=contract.write,
        columns=tuple(_column(contract, name, info, name in opening) for name, info in contract.columns.items()),
        row=_row(contract),
    )


def _column(contract: ResourceContract[Any, Any], name: str, info: FieldInfo, opening: bool) -> TemplateColumn:
    found = list_field(name, info.rebuild_annotation())
    if found is None:
        raise TypeError(f"{contract.plural}: {name} cannot be a column of a workbook")
    plain = found.annotation
    return TemplateColumn(
        field=name,
        title=contract.title(name),
        synonyms=contract.synonyms.get(name, ()),
        kind=found.kind,
        key=name in contract.key,
        required=info.is_required(),
        nullable=found.nullable and not opening,
        opening=opening,
        choices=tuple(str(choice.value) for choice in plain) if _is_choice(plain) else (),
        description=info.description or "",
        example=_example(info, plain),
        annotation=plain,
    )


def _is_choice(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def _example(info: FieldInfo, annotation: Any) -> Any:
    """The first documented one, of the field or of its type."""
    known = info.examples or FieldInfo.from_annotation(annotation).examples
    return known[0] if known else None


def _row(contract: ResourceContract[Any, Any]) -> type[Fields]:
    """A row as a whole: the fields and what may be brought along. Rules between fields hold here too."""
    if contract.opening is None:
        return contract.fields
    return create_model(
        f"{contract.state.__name__}Row", __base__=(contract.opening, contract.fields), __module__=__name__
    )
