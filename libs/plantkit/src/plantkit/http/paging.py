"""Pages by keyset: a page starts after the last row of the one before, so its cost does not grow with its depth.

NULL sorts last upwards and first downwards, as PostgreSQL's indexes have it. The business key breaks every tie, so each
row has one place, and rows that come in while somebody pages move no other row across a page's edge.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, and_, bindparam, tuple_

from plantkit.http.errors import BadCursor
from plantkit.http.filters import ListQuery, Order
from plantkit.http.signing import seal, unseal
from takt_contracts.resource import Kind, ListField

Columns = Mapping[str, Column[Any]]


def places(sort: Sequence[Order], key: Sequence[str]) -> tuple[Order, ...]:
    """`sort`, then what of the key is not in it. Downwards when all of the sort is, so that one index serves."""
    named = {order.field for order in sort}
    down = bool(sort) and all(order.descending for order in sort)
    return (*sort, *(Order(field, down) for field in key if field not in named))


def after(orders: Sequence[Order], columns: Columns, nulls: Sequence[bool]) -> list[ColumnElement[bool]]:
    """The rows behind the one whose values are bound as `c0`, `c1`, ...; `nulls` says which of them are NULL.

    Several conditions that exclude each other, because each of them alone is one range of an index and their OR is not.
    """
    sorted_by = [columns[order.field] for order in orders]
    given = [bindparam(f"c{number}", type_=column.type) for number, column in enumerate(sorted_by)]
    return _after(list(zip(orders, sorted_by, given, nulls, strict=True)))


Place = tuple[Order, Column[Any], Any, bool]


def _after(places_left: Sequence[Place]) -> list[ColumnElement[bool]]:
    """Same in the first and behind in the rest, or beyond in the first."""
    if _is_one_range(places_left):
        left = tuple_(*(column for _, column, _, _ in places_left))
        right = tuple_(*(value for _, _, value, _ in places_left))
        return [left < right if places_left[0][0].descending else left > right]
    first, rest = places_left[0], places_left[1:]
    return [and_(_same(first), behind) for behind in (_after(rest) if rest else ())] + _beyond(first)


def _is_one_range(places_left: Sequence[Place]) -> bool:
    directions = {order.descending for order, _, _, _ in places_left}
    return len(directions) == 1 and not any(column.nullable for _, column, _, _ in places_left)


def _same(place: Place) -> ColumnElement[bool]:
    _, column, value, is_null = place
    return column.is_(None) if is_null else column == value


def _beyond(place: Place) -> list[ColumnElement[bool]]:
    """Nothing comes behind NULL upwards, and everything else does downwards."""
    order, column, value, is_null = place
    if order.descending:
        return [column.is_not(None) if is_null else column < value]
    if is_null:
        return []
    return [column > value, column.is_(None)] if column.nullable else [column > value]


def cursor_for(secret: str, purpose: str, query: ListQuery, orders: Sequence[Order], last: Sequence[Any]) -> str:
    """An opaque cursor behind `last`, good for this sort and these filters only."""
    return seal(secret, purpose, [_digest(query, orders), [_plain(value) for value in last]])


def place_of(
    secret: str, purpose: str, query: ListQuery, orders: Sequence[Order], fields: Mapping[str, ListField]
) -> list[Any] | None:
    """The values that the page starts behind; None for the first page. Raises BadCursor."""
    if query.cursor is None:
        return None
    try:
        digest, last = unseal(secret, purpose, query.cursor)
    except ValueError:
        raise BadCursor("The cursor was not made by this list.") from None
    if digest != _digest(query, orders):
        raise BadCursor("The cursor belongs to another sort or other filters.")
    return [_read(fields[order.field].kind, value) for order, value in zip(orders, last, strict=True)]


def _digest(query: ListQuery, orders: Sequence[Order]) -> str:
    """What must stay the same from page to page; `limit`, `fields` and `total` may change."""
    filters = [[found.field, found.op, found.value] for found in query.filters]
    asked = [[str(order) for order in orders], filters, query.text, query.archived]
    return hashlib.sha256(json.dumps(asked, default=str).encode()).hexdigest()[:24]


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal | UUID) else value


def _read(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    match kind:
        case Kind.DECIMAL:
            return Decimal(value)
        case Kind.MOMENT:
            return datetime.fromisoformat(value)
        case Kind.DATE:
            return date.fromisoformat(value)
        case Kind.ID:
            return UUID(value)
        case _:
            return value
