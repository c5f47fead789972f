"""What is there already, read in sets: rows by business key, and what they refer to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ARRAY, Column, Table, bindparam, column, func, select

from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.structured import as_read, mentions
from plantkit.db.tx import Tx
from plantkit.db.writer import loose
from plantkit.resources.incoming import Incoming
from plantkit.resources.resource import Gathered
from plantkit.resources.target import Target
from plantkit.resources.verdict import Present

Known = Mapping[str, frozenset[Any]]
"""By referring column, or column and field of a list: the values that may be referred to."""


@dataclass(frozen=True, slots=True)
class Stock:
    """All that rows of a resource are judged against. `along` is what changes along with new ones."""

    present: Present
    known: Known
    along: Gathered | None


async def stock(tx: Tx, target: Target, batches: Sequence[Incoming], *, lock: bool, hold: bool) -> Stock:
    """`hold` keeps what is referred to and what changes along until the commit, `lock` the rows themselves.

    What changes along is held before the rows are, as every command does.
    """
    changes = target.resource.along
    keys = {key for incoming in batches for key in incoming.keys}
    along = None if changes is None else await changes.gather(tx, keys, hold=hold)
    there = await present(tx, target, batches, lock=lock)
    return Stock(there, await known(tx, target, batches, hold=hold), along)


async def present(tx: Tx, target: Target, batches: Iterable[Incoming], *, lock: bool) -> Present:
    """The rows whose keys the batches name. `lock` keeps them as they are; in the order of their keys, so that two
    imports of the same rows wait for each other instead of ending each other.
    """
    keys = list({key: None for incoming in batches for key in incoming.keys if key and None not in key})
    if not keys:
        return {}
    query = _by_keys(target.table, target.key, lock)
    columns = {f"keys_{name}": list(values) for name, values in zip(target.key, zip(*keys, strict=True), strict=True)}
    records = await tx.connection.fetch(query.sql, *query.arguments(columns))
    row = target.resource.row
    return {tuple(record[name] for name in target.key): as_read(row, record) for record in records}


async def known(tx: Tx, target: Target, batches: Sequence[Incoming], *, hold: bool) -> Known:
    """What the batches refer to and may: it is there and not archived. `hold` keeps it so until the commit."""
    found: dict[str, frozenset[Any]] = {}
    for name, referred in target.references.items():
        found[name] = await _there(tx, referred, _values(batches, name), hold=hold)
    for name, field, referred in target.named_within:
        lists = _values(batches, name)
        asked = {value for entries in lists for value in mentions(name, entries, field)}
        found[f"{name}/{field}"] = await _there(tx, referred, asked, hold=hold)
    return found


def _values(batches: Iterable[Incoming], name: str) -> set[Any]:
    return {value for incoming in batches for value in incoming.columns.get(name, ()) if value is not None}


async def _there(tx: Tx, referred: Column[Any], values: set[Any], *, hold: bool) -> frozenset[Any]:
    query = _by_value(referred, hold)
    records = await tx.connection.fetch(query.sql, sorted(values)) if values else []
    return frozenset(record[0] for record in records)


@cache
def _by_keys(table: Table, key: tuple[str, ...], lock: bool) -> Compiled:
    arrays = [bindparam(f"keys_{name}", type_=ARRAY(loose(table.c[name].type))) for name in key]
    names = [column(name, loose(table.c[name].type)) for name in key]
    asked = func.unnest(*arrays).table_valued(*names, name="asked").render_derived()
    query = select(table).join(asked, *[_all_equal(table, asked, key)])
    if lock:
        query = query.order_by(*(table.c[name] for name in key)).with_for_update(key_share=True, of=table)
    return compile_statement(query)


def _all_equal(table: Table, asked: Any, key: tuple[str, ...]) -> Any:
    first, *rest = (table.c[name] == asked.c[name] for name in key)
    for one in rest:
        first &= one
    return first


@cache
def _by_value(referred: Column[Any], hold: bool) -> Compiled:
    values = bindparam("values", type_=ARRAY(loose(referred.type)))
    query = select(referred).where(referred == func.any(values), referred.table.c.archived_at.is_(None))
    query = query.order_by(referred)
    return compile_statement(query.with_for_update(read=True) if hold else query)
