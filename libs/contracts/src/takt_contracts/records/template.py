"""What a workbook must look like to land as records of a type: derived from the type, never written twice."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter, create_model
from pydantic_core import PydanticCustomError

from takt_contracts.records.record_types import AccessClass, RecordTypeFields
from takt_contracts.records.records import Reason
from takt_contracts.resource import Fields, Kind
from takt_contracts.roles import Role
from takt_contracts.scalars import Measure, UtcDatetime
from takt_contracts.template import ImportTemplate, TemplateColumn

REASON: Final = "reason"
"""The column that is no field of the content: why the row changes its record."""
_READERS: Final = {AccessClass.HEALTH: Role.HEALTH}
_MOMENT: Final[TypeAdapter[Any]] = TypeAdapter(UtcDatetime)
Schema = Mapping[str, Any]


def template_of_type(kind: RecordTypeFields) -> ImportTemplate | None:
    """Its id and target are the type's name. None for a type that no workbook can bring: it has no business key, so
    that the same file twice would be twice the records, or it requires what is no column.

    Columns are the plain fields of the content; hidden ones are none, because rows travel on the log.
    """
    columns = tuple(_columns(kind))
    named = {column.field for column in columns}
    if not kind.business_key or not named.issuperset(kind.content_schema.get("required", ())):
        return None
    return ImportTemplate(
        id=kind.name,
        owner="records",
        name=kind.name,
        writers=kind.creators,
        read=_READERS.get(kind.access_class, Role.VIEWER),
        columns=columns,
        row=_row(kind.name, columns),
    )


def _columns(kind: RecordTypeFields) -> Iterator[TemplateColumn]:
    declared: Mapping[str, Schema] = kind.content_schema.get("properties", {})
    required = kind.content_schema.get("required", ())
    for name, schema in declared.items():
        made = None if name in kind.hidden_fields or not _is_name(name) else _plain(schema)
        if made is not None:
            yield _column(name, schema, *made, key=name in kind.business_key, required=name in required)
    if REASON not in declared:
        said: Schema = {"description": "Why it is changed, where its type asks for a reason."}
        yield _column(REASON, said, Kind.TEXT, Reason, key=False, required=False)


def _is_name(name: str) -> bool:
    """Whether it can be the field of a row's model."""
    return name.isidentifier() and not name.startswith(("_", "model_"))


def _column(name: str, schema: Schema, kind: Kind, annotation: Any, *, key: bool, required: bool) -> TemplateColumn:
    return TemplateColumn(
        field=name,
        title=schema.get("title", name.replace("_", " ").capitalize()),
        synonyms=(),
        kind=kind,
        key=key,
        required=required,
        nullable=not required,
        opening=False,
        choices=tuple(schema["enum"]) if kind is Kind.CHOICE else (),
        description=schema.get("description", ""),
        example=next(iter(schema.get("examples", ())), None),
        annotation=annotation,
    )


def _plain(schema: Any) -> tuple[Kind, Any] | None:
    """How a field's cells are read, and what judges one value; None for what no cell holds. The owner judges the row by
    the whole schema once more, so what is not looked at here (patterns, conditions) is refused there.
    """
    if not isinstance(schema, Mapping):
        return None
    if "enum" in schema:
        chosen = schema["enum"]
        return (Kind.CHOICE, Literal[tuple(chosen)]) if all(isinstance(one, str) for one in chosen) else None
    type_ = schema.get("type")
    make = _MAKERS.get(type_) if isinstance(type_, str) else None
    return None if make is None else make(schema)


def _text(schema: Schema) -> tuple[Kind, Any]:
    match schema.get("format"):
        case "date":
            return Kind.DATE, Annotated[str, AfterValidator(_date)]
        case "date-time":
            return Kind.MOMENT, Annotated[str, AfterValidator(_moment)]
    lengths = StringConstraints(min_length=schema.get("minLength"), max_length=schema.get("maxLength"))
    return Kind.TEXT, Annotated[str, lengths]


def _number(schema: Schema) -> tuple[Kind, Any]:
    bounds: dict[str, Any] = {name: Decimal(str(bound)) for name, bound in _bounds(schema)}
    return Kind.DECIMAL, Annotated[Measure, Field(**bounds)]


def _integer(schema: Schema) -> tuple[Kind, Any]:
    return Kind.INTEGER, Annotated[int, Field(strict=True, **dict(_bounds(schema)))]


_MAKERS: Final[Mapping[Any, Callable[[Schema], tuple[Kind, Any]]]] = {
    "string": _text,
    "number": _number,
    "integer": _integer,
    "boolean": lambda _: (Kind.FLAG, Annotated[bool, Field(strict=True)]),
}
_BOUNDS: Final = {"minimum": "ge", "maximum": "le", "exclusiveMinimum": "gt", "exclusiveMaximum": "lt"}


def _bounds(schema: Schema) -> Iterator[tuple[str, Any]]:
    return ((ours, schema[theirs]) for theirs, ours in _BOUNDS.items() if theirs in schema)


def _date(value: str) -> str:
    try:
        known = date.fromisoformat(value).isoformat()
    except ValueError:
        known = ""
    if known != value:
        raise PydanticCustomError("date_parsing", "Should be a date, like 2026-03-02.")
    return value


def _moment(value: str) -> str:
    _MOMENT.validate_python(value)
    return value


def _row(name: str, columns: tuple[TemplateColumn, ...]) -> type[Fields]:
    fields: dict[str, Any] = {
        column.field: (column.annotation, ...) if column.required else (column.annotation | None, None)
        for column in columns
    }
    return create_model(f"{name.title().replace('-', '')}Row", __base__=Fields, __module__=__name__, **fields)
