"""A column that holds a list of small things, such as an employee's qualifications. PostgreSQL keeps it as jsonb.

In a row it is a tuple of the contract's own entries, so that it is compared, told and shown like any other value; only
on its way to the database and back it is text.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter
from sqlalchemy import Column, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from plantkit.db.row import Row, Values


class Structured(TypeDecorator[tuple[BaseModel, ...]]):
    """`mapped_column(Structured(Qualification))` for a field `tuple[Qualification, ...]`.

    `refers` names fields of an entry and the column that each refers to, as `ForeignKey` does. No foreign key looks
    into a list: the kit checks and holds what is named, and a trigger of the table's migration has the last word.
    """

    impl = JSONB
    cache_ok = True

    def __init__(self, entry: type[BaseModel], refers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.entry = entry
        self.refers = tuple(sorted((refers or {}).items()))

    def sent(self, entries: tuple[BaseModel, ...]) -> str:
        return _adapter(self.entry).dump_json(entries).decode()

    def read(self, text: str) -> tuple[BaseModel, ...]:
        return _adapter(self.entry).validate_json(text)


@cache
def _adapter(entry: type[BaseModel]) -> TypeAdapter[tuple[BaseModel, ...]]:
    return TypeAdapter(tuple[entry, ...])  # type: ignore[valid-type]  # a model known when it runs


@cache
def lists_of(table: Table) -> Mapping[str, Structured]:
    """The columns of a table that hold lists."""
    return {column.name: column.type for column in table.columns if isinstance(column.type, Structured)}


def as_read(entity: type[Row], record: Values) -> Values:
    """A record's values as rows have them."""
    lists = _lists(entity)
    if not lists:
        return record
    return {**record, **{name: kind.read(record[name]) for name, kind in lists.items() if name in record}}


def as_sent(table: Table, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row's values as the database takes them."""
    lists = lists_of(table)
    return {**values, **{name: kind.sent(values[name]) for name, kind in lists.items()}} if lists else values


@cache
def _lists(entity: type[Row]) -> Mapping[str, Structured]:
    table = entity.__table__
    assert isinstance(table, Table)
    return lists_of(table)


@cache
def named_within(table: Table) -> tuple[tuple[str, str, Column[Any]], ...]:
    """What entries of lists refer to: the list's column, the field of an entry, and the column referred to."""
    tables = table.metadata.tables
    return tuple(
        (name, field, tables[target.rpartition(".")[0]].c[target.rpartition(".")[2]])
        for name, kind in lists_of(table).items()
        for field, target in kind.refers
    )


def mentions(name: str, entries: tuple[BaseModel, ...], field: str) -> dict[Any, str]:
    """The values that entries have in `field`, each with the path of the first entry that has it."""
    found: dict[Any, str] = {}
    for place, entry in enumerate(entries):
        value = getattr(entry, field)
        if value is not None:
            found.setdefault(value, f"{name}/{place}/{field}")
    return found
