"""Lists of stored things: one statement a page, compiled once per shape of question."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Generic, Protocol, TypeVar, cast

from pydantic import BaseModel, Field, create_model
from sqlalchemy import ARRAY, Column, ColumnElement, Select, Table, bindparam, func, or_, select, true, union_all

from plantkit.context import Context
from plantkit.db import searching
from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.row import Row, columns_of
from plantkit.db.structured import as_read
from plantkit.http.filters import Grammar, ListQuery, Op, Order
from plantkit.http.paging import after, cursor_for, place_of, places
from takt_contracts.resource import ListField

V = TypeVar("V", bound=BaseModel)
_COMPARED: Mapping[Op, Callable[[Any, Any], ColumnElement[bool]]] = {
    Op.EQ: operator.eq,
    Op.GTE: operator.ge,
    Op.GT: operator.gt,
    Op.LTE: operator.le,
    Op.LT: operator.lt,
}


class Listed(Protocol):
    """What a list needs to know of its things; a `ResourceContract` says all of it."""

    @property
    def plural(self) -> str: ...
    @property
    def state(self) -> type[BaseModel]: ...
    @property
    def key(self) -> tuple[str, ...]: ...
    @property
    def list_fields(self) -> Mapping[str, ListField]: ...


class PageInfo(BaseModel):
    """Where a page stands. `total` only when it was asked for."""

    next: str | None = Field(None, description="Cursor of the next page; null on the last.")
    limit: int
    total: int | None = Field(None, exclude_if=lambda total: total is None)


class Page(BaseModel, Generic[V]):
    data: list[V]
    page: PageInfo


@dataclass(frozen=True, slots=True)
class _Shape:
    """All of a question that its SQL depends on; the values are bound."""

    fields: tuple[str, ...]
    orders: tuple[Order, ...]
    filters: tuple[tuple[str, Op, bool], ...]
    text: bool
    indexed: bool
    archived: bool
    nulls: tuple[bool, ...] | None


@dataclass(frozen=True, eq=False)
class Listing:
    """The list of one resource or aggregate.

    `parts` names the columns of a field that is not a column itself, such as `hold` of `hold_kind` and `hold_reason`.
    `compared` are the fields to filter and sort by, all where none is named: a table that grows without end names them,
    each with an index that ends with the key. `only` narrows every page and every total to what may be seen; its
    parameters are `bound` when a page is read. `indexed` says that what is searched has a search index.
    """

    contract: Listed
    entity: type[Row]
    search: tuple[str, ...] = ()
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    compared: tuple[str, ...] = ()
    only: ColumnElement[bool] | None = None
    indexed: bool = False

    @cached_property
    def grammar(self) -> Grammar:
        named = self.compared or self.table.c
        compared = {
            name: found for name, found in self.contract.list_fields.items() if name in named and name in self.table.c
        }
        shown = tuple(self.contract.state.model_fields)
        return Grammar(shown, compared, self.search, archives="archived_at" in self.table.c)

    @cached_property
    def page_model(self) -> type[BaseModel]:
        """What a page looks like: whole states, or the parts of them that `fields` asked for."""
        state: type[BaseModel] = self.contract.state
        fields = {name: (found.rebuild_annotation(), None) for name, found in state.model_fields.items()}
        part: Any = create_model(f"{state.__name__}Part", **cast("dict[str, Any]", fields))
        return create_model(f"{state.__name__}Page", data=(list[state | part], ...), page=(PageInfo, ...))  # type: ignore[valid-type]  # models made at run time

    @property
    def table(self) -> Table:
        table = self.entity.__table__
        assert isinstance(table, Table)
        return table

    async def page(self, context: Context, query: ListQuery, **bound: Any) -> bytes:
        """The JSON of one page."""
        return self.rendered(query, *await self.read(context, query, **bound))

    def rendered(self, query: ListQuery, rows: Sequence[Row], info: PageInfo) -> bytes:
        """The JSON of rows that were read for this query."""
        page = _page_model(self.contract.state, query.fields)
        return page.model_validate({"data": rows, "page": info}, from_attributes=True).model_dump_json().encode()

    async def read(self, context: Context, query: ListQuery, **bound: Any) -> tuple[list[Row], PageInfo]:
        """The rows of one page. One row more than asked is read, to know whether there is another page."""
        secret = context.settings.cursor_secret.get_secret_value()
        purpose = (
            f"cursor:{self.contract.plural}:{sorted(bound.items())}" if bound else f"cursor:{self.contract.plural}"
        )
        orders = places(query.order(), self.contract.key)
        start = place_of(secret, purpose, query, orders, self.contract.list_fields)
        statement = _page_statement(self, _shape(self, query, orders, start))
        given = _values(query) | _start_values(start) | bound
        records = await context.db.fetch(statement, **given, limit=query.limit + 1)
        rows = [self.entity(**as_read(self.entity, record)) for record in records[: query.limit]]
        last = [getattr(rows[-1], order.field) for order in orders] if len(records) > query.limit else None
        info = PageInfo(
            next=None if last is None else cursor_for(secret, purpose, query, orders, last),
            limit=query.limit,
            total=await self._total(context, query, bound) if query.total else None,
        )
        return rows, info

    async def _total(self, context: Context, query: ListQuery, bound: Mapping[str, Any]) -> int:
        statement = _count_statement(self, _shape(self, query, (), None))
        [record] = await context.db.fetch(statement, **_values(query), **bound)
        return int(record["total"])


def _shape(listing: Listing, query: ListQuery, orders: tuple[Order, ...], start: Sequence[Any] | None) -> _Shape:
    """A value is part of the shape where it decides the SQL: IS NULL or IS NOT NULL, a text that an index takes."""
    return _Shape(
        fields=query.fields,
        orders=orders,
        filters=tuple((one.field, one.op, one.op is Op.ISNULL and one.value) for one in query.filters),
        text=query.text is not None,
        indexed=listing.indexed and len(query.text or "") >= searching.SHORTEST,
        archived=query.archived,
        nulls=None if start is None else tuple(value is None for value in start),
    )


def _values(query: ListQuery) -> dict[str, Any]:
    given = {f"f{number}": one.value for number, one in enumerate(query.filters) if one.op is not Op.ISNULL}
    if query.text is None:
        return given
    return {**given, **searching.probes(query.text), "q": f"%{_escaped(query.text)}%"}


def _start_values(start: Sequence[Any] | None) -> dict[str, Any]:
    return {f"c{number}": value for number, value in enumerate(start or ())}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@lru_cache(maxsize=1024)
def _page_statement(listing: Listing, shape: _Shape) -> Compiled:
    rows = _narrowed(select(*_selected(listing, shape)), listing, shape, merged=_merged(listing, shape))
    ranges = [] if shape.nulls is None else after(shape.orders, dict(listing.table.c), shape.nulls)
    parts = [_part(listing, shape, rows.where(one)) for one in ranges] or [_part(listing, shape, rows)]
    if len(parts) == 1:
        return compile_statement(parts[0])
    together = union_all(*parts).subquery()
    return compile_statement(_first(select(together), together.c, shape))


def _merged(listing: Listing, shape: _Shape) -> int | None:
    """Number of the IN whose values are looked up one by one and merged: `= any` is no range in the key's order."""
    if [str(order) for order in shape.orders] != list(listing.contract.key):
        return None
    return next((number for number, (_, op, _) in enumerate(shape.filters) if op is Op.IN), None)


def _part(listing: Listing, shape: _Shape, rows: Select[Any]) -> Select[Any]:
    """A page of one range."""
    columns, number = listing.table.c, _merged(listing, shape)
    if number is None:
        return _first(rows, columns, shape)
    column = columns[shape.filters[number][0]]
    values = func.unnest(bindparam(f"f{number}", type_=ARRAY(column.type)))
    chosen = values.table_valued("value", name="chosen").render_derived()
    # Equal as a range, and sorted by what is equal: of all indexes only that of this field is already in this order.
    equal = rows.where(column >= chosen.c.value, column <= chosen.c.value).order_by(column)
    each = _first(equal, columns, shape).lateral("each_value")
    return _first(select(each).select_from(chosen.join(each, true())), each.c, shape)


def _first(rows: Select[Any], columns: Any, shape: _Shape) -> Select[Any]:
    """As many as a page takes, in order."""
    sorted_by = ((columns[order.field], order.descending) for order in shape.orders)
    ordered = rows.order_by(*(column.desc() if down else column.asc() for column, down in sorted_by))
    return ordered.limit(bindparam("limit"))


@lru_cache(maxsize=256)
def _count_statement(listing: Listing, shape: _Shape) -> Compiled:
    return compile_statement(_narrowed(select(func.count().label("total")).select_from(listing.table), listing, shape))


def _selected(listing: Listing, shape: _Shape) -> list[Column[Any]]:
    """The columns of the fields that were asked, and what the cursor needs."""
    columns = listing.table.c
    if not shape.fields:
        return [columns[name] for name in columns_of(listing.entity)]
    wanted = [part for name in shape.fields for part in listing.parts.get(name, (name,))]
    return [columns[name] for name in dict.fromkeys([*wanted, *(order.field for order in shape.orders)])]


def _narrowed(query: Select[Any], listing: Listing, shape: _Shape, *, merged: int | None = None) -> Select[Any]:
    """Every filter but the `merged` one."""
    columns = listing.table.c
    if listing.only is not None:
        query = query.where(listing.only)
    for number, (name, op, is_null) in enumerate(shape.filters):
        if number != merged:
            query = query.where(_compared(columns[name], op, number, is_null=is_null))
    if shape.text:
        query = query.where(or_(*(columns[name].ilike(bindparam("q"), escape="\\") for name in listing.search)))
    if shape.indexed:
        query = query.where(searching.may_hold(columns[name] for name in listing.search))
    if not shape.archived and "archived_at" in columns:
        query = query.where(columns.archived_at.is_(None))
    return query


def _compared(column: Column[Any], op: Op, number: int, *, is_null: bool) -> ColumnElement[bool]:
    if op is Op.ISNULL:
        return column.is_(None) if is_null else column.is_not(None)
    if op is Op.IN:
        return column == func.any(bindparam(f"f{number}", type_=ARRAY(column.type)))
    return _COMPARED[op](column, bindparam(f"f{number}", type_=column.type))


@lru_cache(maxsize=256)
def _page_model(state: type[BaseModel], fields: tuple[str, ...]) -> type[Page[Any]]:
    """The state, or the part of it that was asked for, in a page."""
    if not fields:
        return Page[state]  # type: ignore[valid-type]  # a model made at run time
    chosen: dict[str, Any] = {name: (state.model_fields[name].rebuild_annotation(), ...) for name in fields}
    part = create_model(f"Part{state.__name__}", __config__=state.model_config, **chosen)
    return Page[part]
