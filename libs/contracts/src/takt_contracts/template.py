"""What a workbook must look like to land as a resource: derived from the resource's contract, never written twice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any, Final

from pydantic import create_model
from pydantic.fields import FieldInfo

from takt_contracts.resource import Fields, Kind, ResourceContract, entry_of, list_field
from takt_contracts.roles import Role

LIST_MARK: Final = ";"
ENTRY_MARK: Final = "|"
"""How a list stands in one cell: entries with the one between them, the parts of an entry with the other."""


@dataclass(frozen=True, kw_only=True)
class TemplateColumn:
    """One column: `title` is the header we write, `synonyms` are others that we read, best first.

    `required` ones are needed to create, `nullable` ones may be emptied, `opening` ones are taken over when the row
    creates and are compared afterwards. `choices` are all values there are. `annotation` validates one value, as JSON.
    `parts` are what an entry of a list is made of, in their order.
    """

    field: str
    title: str
    synonyms: tuple[str, ...] = ()
    kind: Kind
    key: bool = False
    required: bool
    nullable: bool
    opening: bool = False
    choices: tuple[str, ...] = ()
    description: str
    example: Any
    annotation: Any
    parts: tuple["TemplateColumn", ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImportTemplate:
    """The built-in template of a resource or a record type: id and target are its plural, or the type's name.

    `writers` are the roles that may use it. `read` is the role that sees its rows and what became of them: where not
    everyone does, rows travel sealed and are kept for a short time only.
    """

    id: str
    owner: str
    name: str
    writers: tuple[Role, ...]
    columns: tuple[TemplateColumn, ...]
    row: type[Fields]
    read: Role = Role.VIEWER

    @property
    def needed(self) -> str:
        """The roles that may use it, in words."""
        return " or ".join(self.writers)

    @property
    def is_confidential(self) -> bool:
        return self.read is not Role.VIEWER

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
        writers=(contract.write,),
        columns=tuple(_column(contract, name, info, name in opening) for name, info in contract.columns.items()),
        row=_row(contract),
    )


def _column(contract: ResourceContract[Any, Any], name: str, info: FieldInfo, opening: bool) -> TemplateColumn:
    column = _plain_column(name, info) or _list_column(name, info)
    if column is None:
        raise TypeError(f"{contract.plural}: {name} cannot be a column of a workbook")
    return replace(
        column,
        title=contract.title(name),
        synonyms=contract.synonyms.get(name, ()),
        key=name in contract.key,
        nullable=column.nullable and not opening,
        opening=opening,
    )


def _plain_column(name: str, info: FieldInfo) -> TemplateColumn | None:
    """One value a cell."""
    found = list_field(name, info.rebuild_annotation())
    if found is None:
        return None
    plain = found.annotation
    return TemplateColumn(
        field=name,
        title=name,
        kind=found.kind,
        required=info.is_required(),
        nullable=found.nullable,
        choices=tuple(str(choice.value) for choice in plain) if _is_choice(plain) else (),
        description=info.description or "",
        example=_example(info, plain),
        annotation=plain,
    )


def _list_column(name: str, info: FieldInfo) -> TemplateColumn | None:
    """A list a cell: `WELD-MAG | 2026-01-01 | 2027-12-31; CRANE`."""
    annotation = info.rebuild_annotation()
    entry = entry_of(annotation)
    if entry is None:
        return None
    parts = [_plain_column(part, told) for part, told in entry.model_fields.items()]
    known = tuple(part for part in parts if part is not None)
    if len(known) < len(parts):
        raise TypeError(f"{name}: an entry of a list has plain fields only")
    words = f" {ENTRY_MARK} ".join(f"<{part.field}>" if part.required else part.field for part in known)
    how = (
        f"Entries one after the other with {LIST_MARK} between them, each as {words}; the rest of one may be left out."
    )
    return TemplateColumn(
        field=name,
        title=name,
        kind=Kind.LIST,
        required=info.is_required(),
        nullable=False,
        description=" ".join(filter(None, (info.description, how))),
        example=_as_cell(_example(info, annotation) or ()),
        annotation=annotation,
        parts=known,
    )


def _as_cell(entries: Iterable[Mapping[str, Any]]) -> str | None:
    told = (f" {ENTRY_MARK} ".join("" if value is None else str(value) for value in one.values()) for one in entries)
    return f"{LIST_MARK} ".join(told) or None


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
