"""Who refers to whom, as the foreign keys say: nothing new may refer to what is archived, and what is referred to may
not be archived.

Both sides lock: the one who refers takes the target FOR SHARE, the one who archives holds the row FOR UPDATE, so
whichever commits second sees the first.
"""

from collections.abc import Collection, Iterator
from functools import cache
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    ForeignKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    func,
    literal_column,
    select,
    text,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import JSONB

from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.row import Aggregate, Row
from plantkit.db.structured import mentions, named_within
from plantkit.db.tx import Tx
from plantkit.errors import InUse

_MOST_NAMED = 10
IN_USE = "in_use"
"""Key of `Table.info`: the SQL condition under which one of the table's rows holds what it refers to.

Without it every row does that is not archived. A part of a thing, which has no key of its own, holds nothing unless its
table says this; the thing is named as the user.
"""

WHOLE = "whole"
"""Key of a foreign key's `info`: it names what the row is a part of, which `Resource.along` looks after."""


def require_references(tx: Tx, row: Aggregate, names: Collection[str] | None = None) -> None:
    """Every foreign key of `row` (or those in `names`) has to find something that is not archived, and keeps it so.

    The statement that writes the row looks and locks; the runner raises UnknownReference naming all fields that fail.
    """
    for column, target in references(table_of(row)):
        value = getattr(row, column.name)
        if value is not None and (names is None or column.name in names):
            tx.hold(column.name, target, value)
    for name, field, target in named_within(table_of(row)):
        if names is None or name in names:
            for value, path in mentions(name, getattr(row, name), field).items():
                tx.hold(path, target, value)


async def refuse_in_use(tx: Tx, row: Aggregate) -> None:
    """Nobody refers to `row`, which the caller has locked. Raises InUse naming up to ten who do."""
    users: list[str] = []
    for statement, table, target in _users(table_of(row)):
        found = await tx.fetch(statement, value=getattr(row, target), most=_MOST_NAMED - len(users))
        users += ["/".join([table.replace("_", "-"), *map(str, record)]) for record in found]
        if len(users) == _MOST_NAMED:
            break
    if users:
        raise InUse(f"It is used by {', '.join(users)}.", users=users)


def table_of(row: Row) -> Table:
    table = row.__table__
    assert isinstance(table, Table)
    return table


@cache
def references(table: Table) -> tuple[tuple[Column[Any], Column[Any]], ...]:
    """Each column of `table` that refers to something archivable, and what it refers to.

    What several columns refer to together is left to the constraint, which answers for archived ones too.
    """
    single = (key for key in table.foreign_keys if key.constraint is not None and len(key.constraint.columns) == 1)
    held = (key for key in single if WHOLE not in key.info)
    pairs = ((key.parent, key.column) for key in held if "archived_at" in key.column.table.c)
    return tuple(sorted(pairs, key=lambda pair: str(pair[0].name)))


@cache
def _users(target: Table) -> tuple[tuple[Compiled, str, str], ...]:
    """For each table that refers to `target`: a statement that names its rows, its name, and the column referred to."""
    tables = target.metadata.sorted_tables
    direct = [
        (_naming(_names(table.c[key.column_keys[0]]), table), _thing(table).name, key.elements[0].column.name)
        for table in tables
        for key in _foreign_keys(table, target)
    ]
    within = [
        (_naming(_names_within(table.c[name], field), table), table.name, referred.name)
        for table in tables
        for name, field, referred in named_within(table)
        if referred.table is target
    ]
    return (*direct, *within)


def _names(referring: Column[Any]) -> ColumnElement[bool]:
    return referring == bindparam("value", type_=referring.type)


def _names_within(lists: Column[Any], field: str) -> ColumnElement[bool]:
    """Some entry of the list has the value in `field`; an index of jsonb_path_ops finds it."""
    sought = func.jsonb_build_array(
        func.jsonb_build_object(literal_column(f"'{field}'"), bindparam("value", type_=Text()))
    )
    return type_coerce(lists, JSONB).contains(sought)


def _foreign_keys(table: Table, target: Table) -> Iterator[ForeignKeyConstraint]:
    """Those of things, and those by which a part of a thing holds something else than the thing."""
    for key in table.foreign_key_constraints:
        single = len(key.columns) == 1
        holds = _is_thing(table) or (IN_USE in table.info and target is not _thing(table))
        if single and key.referred_table is target and table is not target and holds:
            yield key


def _is_thing(table: Table) -> bool:
    """Whether its rows have a business key; others are parts of things."""
    return "version" in table.c


def _thing(table: Table) -> Table:
    """What its rows are named by: the table itself, or that of the things that they are parts of."""
    if _is_thing(table):
        return table
    [whole] = [key.column.table for key in table.foreign_keys if WHOLE in key.info]
    return whole


def _naming(names: ColumnElement[bool], table: Table) -> Compiled:
    thing = _thing(table)
    rows = table if thing is table else table.join(thing)
    query = select(*_business_key(thing)).select_from(rows).where(names)
    holds = table.info.get(IN_USE)
    if holds is not None:
        query = query.where(text(holds))
    if "archived_at" in table.c:
        query = query.where(table.c.archived_at.is_(None))
    return compile_statement(query.order_by(*_business_key(thing)).limit(bindparam("most")))


def _business_key(table: Table) -> list[Column[Any]]:
    """Of several unique constraints the one whose columns stand first."""
    unique = [list(found.columns) for found in table.constraints if isinstance(found, UniqueConstraint)]
    order = list(table.columns)
    return min(unique, key=lambda columns: order.index(columns[0]), default=list(table.primary_key.columns))
