"""The grammar of lists: which names a query may use, and what their values mean.

limit=50  cursor=...  sort=-due,order_no  fields=a,b  q=text  total=true  archived=true
<field>=v  <field>__gte=v  __gt  __lte  __lt  <field>__in=a,b  <field>__isnull=true

Without `sort` a list is in the order of its key; one that a range narrows is in the order of the range's field first,
because any other order would have to look at the whole range to answer its first page.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from pydantic import TypeAdapter, ValidationError

from plantkit.http.errors import BadQueryValue, UnknownQueryName
from takt_contracts.resource import Kind, ListField

DEFAULT_LIMIT, MOST = 100, 1000
_LONGEST_TEXT = 200
_MOST_VALUES = 200
_MOST_SORTS = 8


class Op(StrEnum):
    """How a filter compares; the name's suffix."""

    EQ = "eq"
    GTE = "gte"
    GT = "gt"
    LTE = "lte"
    LT = "lt"
    IN = "in"
    ISNULL = "isnull"


_ORDERED = (Op.EQ, Op.GTE, Op.GT, Op.LTE, Op.LT, Op.IN)
_UNORDERED = (Op.EQ, Op.IN)
_RANGES = (Op.GTE, Op.GT, Op.LTE, Op.LT, Op.ISNULL)
_OPS: Mapping[Kind, tuple[Op, ...]] = {
    Kind.TEXT: _ORDERED,
    Kind.DECIMAL: _ORDERED,
    Kind.INTEGER: _ORDERED,
    Kind.MOMENT: _ORDERED,
    Kind.DATE: _ORDERED,
    Kind.CHOICE: _UNORDERED,
    Kind.ID: _UNORDERED,
    Kind.FLAG: (Op.EQ,),
}


@dataclass(frozen=True, slots=True)
class Filter:
    field: str
    op: Op
    value: Any


@dataclass(frozen=True, slots=True)
class Order:
    field: str
    descending: bool

    def __str__(self) -> str:
        return f"-{self.field}" if self.descending else self.field


@dataclass(frozen=True, slots=True, kw_only=True)
class ListQuery:
    """What a list was asked, with every name known and every value read."""

    limit: int = DEFAULT_LIMIT
    sort: tuple[Order, ...] = ()
    fields: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    text: str | None = None
    total: bool = False
    archived: bool = False
    cursor: str | None = None

    def order(self) -> tuple[Order, ...]:
        """What it is sorted by before the key."""
        ranged = next((one.field for one in self.filters if one.op in _RANGES), None)
        return self.sort if self.sort or ranged is None else (Order(ranged, descending=False),)


@dataclass(frozen=True, eq=False)
class Grammar:
    """What the lists of one kind of thing can be asked.

    `shown` are all fields of the answer, `compared` those that filter and sort, `search` those that `q` looks into.
    `archives`: archived ones are hidden unless asked for.
    """

    shown: tuple[str, ...]
    compared: Mapping[str, ListField]
    search: tuple[str, ...] = ()
    archives: bool = True

    @cached_property
    def adapters(self) -> Mapping[str, TypeAdapter[Any]]:
        return {field.name: TypeAdapter(field.annotation) for field in self.compared.values()}

    def names(self) -> Iterator[str]:
        """Every query name, for the check of unknown ones."""
        yield from ("limit", "cursor", "sort", "fields", "total")
        yield from (name for name, known in (("archived", self.archives), ("q", self.search)) if known)
        for field in self.compared.values():
            yield from (_name(field.name, op) for op in ops_of(field))

    def read(self, query: Mapping[str, str]) -> ListQuery:
        """Raises UnknownQueryName for a name of `sort` or `fields`, BadQueryValue for a value."""
        return ListQuery(
            limit=_limit(query.get("limit")),
            sort=tuple(self._sort(query["sort"])) if "sort" in query else (),
            fields=tuple(self._fields(query["fields"])) if "fields" in query else (),
            filters=tuple(self._filters(query)),
            text=_text(query["q"]) if "q" in query else None,
            total=flag("total", query.get("total")),
            archived=flag("archived", query.get("archived")),
            cursor=query.get("cursor"),
        )

    def _sort(self, given: str) -> Iterator[Order]:
        names = given.split(",")
        if len(names) > _MOST_SORTS or len({name.lstrip("-") for name in names}) < len(names):
            raise BadQueryValue(f"sort takes up to {_MOST_SORTS} different fields.")
        for name in names:
            field = name.removeprefix("-")
            _known("sort", field, self.compared)
            yield Order(field, name.startswith("-"))

    def _fields(self, given: str) -> Iterator[str]:
        for name in dict.fromkeys(given.split(",")):
            _known("fields", name, self.shown)
            yield name

    def _filters(self, query: Mapping[str, str]) -> Iterator[Filter]:
        for field in self.compared.values():
            for op in ops_of(field):
                name = _name(field.name, op)
                if name in query:
                    yield Filter(field.name, op, _value(self.adapters[field.name], op, name, query[name]))


def ops_of(field: ListField) -> tuple[Op, ...]:
    return (*_OPS[field.kind], Op.ISNULL) if field.nullable else _OPS[field.kind]


def parameters(grammar: Grammar) -> list[dict[str, Any]]:
    """The query of a list as OpenAPI parameters."""
    limit = {"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT}
    sort = "Fields separated by commas; a minus sorts downwards. Left out: a range's field, then the key. One of: "
    sort += ", ".join(grammar.compared)
    shown = "Only these, separated by commas: " + ", ".join(grammar.shown)
    flag_schema = {"type": "boolean", "default": False}
    told = [
        _parameter("limit", limit, "Rows of a page."),
        _parameter("cursor", {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}, "`page.next` of the page before."),
        _parameter("sort", _names_schema("-?", grammar.compared), sort),
        _parameter("fields", _names_schema("", grammar.shown), shown),
        _parameter("total", flag_schema, "Also count all rows that match."),
    ]
    if grammar.archives:
        told.append(_parameter("archived", flag_schema, "Also show archived ones."))
    if grammar.search:
        text = {"type": "string", "minLength": 1, "maxLength": _LONGEST_TEXT}
        told.append(_parameter("q", text, "Text to look for in " + ", ".join(grammar.search)))
    for field in grammar.compared.values():
        own = grammar.adapters[field.name].json_schema()
        told += [_parameter(_name(field.name, op), _schema(own, op), None) for op in ops_of(field)]
    return told


def flag(name: str, given: str | None) -> bool:
    if given not in (None, "true", "false"):
        raise BadQueryValue(f"{name} is true or false.")
    return given == "true"


def _parameter(name: str, schema: Mapping[str, Any], description: str | None) -> dict[str, Any]:
    told = {"name": name, "in": "query", "required": False, "schema": schema}
    return told if description is None else {**told, "description": description}


def _names_schema(prefix: str, names: Iterable[str]) -> Mapping[str, Any]:
    one = f"{prefix}({'|'.join(names)})"
    return {"type": "string", "pattern": f"^{one}(,{one})*$"}


def _schema(own: Mapping[str, Any], op: Op) -> Mapping[str, Any]:
    if op is Op.ISNULL:
        return {"type": "boolean"}
    return {"type": "string", "minLength": 1} if op is Op.IN else own


def _name(field: str, op: Op) -> str:
    return field if op is Op.EQ else f"{field}__{op}"


def _known(where: str, name: str, names: Mapping[str, Any] | tuple[str, ...]) -> None:
    if name not in names:
        allowed = sorted(names)
        raise UnknownQueryName(f"{where} knows no {name[:80]!r}; known: {', '.join(allowed)}.", allowed=allowed)


def _limit(given: str | None) -> int:
    if given is None:
        return DEFAULT_LIMIT
    if not (given.isascii() and given.isdecimal() and len(given) <= 4 and 1 <= int(given) <= MOST):
        raise BadQueryValue(f"limit is a number from 1 to {MOST}.")
    return int(given)


def _text(given: str) -> str:
    if not 1 <= len(given) <= _LONGEST_TEXT:
        raise BadQueryValue(f"q is a text of 1 to {_LONGEST_TEXT} characters.")
    return given


def _value(adapter: TypeAdapter[Any], op: Op, name: str, given: str) -> Any:
    if op is Op.ISNULL:
        return flag(name, given)
    if op is not Op.IN:
        return _one(adapter, name, given)
    values = given.split(",")
    if len(values) > _MOST_VALUES:
        raise BadQueryValue(f"{name} takes up to {_MOST_VALUES} values.")
    return list(dict.fromkeys(_one(adapter, name, value) for value in values))


def _one(adapter: TypeAdapter[Any], name: str, given: str) -> Any:
    try:
        value = adapter.validate_strings(given)
    except ValidationError as wrong:
        raise BadQueryValue(f"{name}: {wrong.errors()[0]['msg']}") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        raise BadQueryValue(f"{name} needs a time with its offset.")
    return value
