"""Everything a command changes, as one statement.

State rows, outbox rows, the audit entry and the idempotency answer are the parts of a single CTE, built once per shape
(which tables, which of the parts). A few rows are sent value by value, which is cheaper on both sides; more of them as
arrays, with the same text for ten and five hundred. One statement is one round trip and, on its own, one transaction:
state and event cannot part.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sqlalchemy
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Numeric,
    Select,
    String,
    Table,
    Text,
    and_,
    bindparam,
    column,
    exists,
    func,
    insert,
    literal,
    select,
    true,
    update,
)
from sqlalchemy.sql.selectable import CTE, TableValuedAlias
from sqlalchemy.types import TypeEngine

from plantkit.db.engine import Compiled, compile_statement
from plantkit.db.holds import Hold, Keep
from plantkit.db.machinery import IDEMPOTENCY, OUTBOX
from plantkit.db.row import Aggregate, Row, Values
from plantkit.db.structured import as_sent

OUTBOX_COLUMNS = tuple(c.name for c in OUTBOX.columns if c.server_default is None)
_FEW, _MANY = 3, 0
_KEY_COLUMNS = ("caller", "key", "request_sha256", "status", "headers", "body")


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement writes: tables inserted into and updated, what is held and kept, events or not, keyed or not.

    Numbers are of rows: a few, or `_MANY` for any number. `told` is None where there are no events.
    """

    inserted: tuple[tuple[Table, int], ...]
    updated: tuple[tuple[Table, int], ...]
    told: int | None
    keyed: bool
    held: tuple[Column[Any], ...] = ()
    kept: tuple[Column[Any], ...] = ()


@dataclass(slots=True)
class Writes:
    """What a command left to be written, in the order it said so."""

    inserted: dict[Table, list[Row]] = field(default_factory=dict)
    updated: dict[Table, list[Aggregate]] = field(default_factory=dict)
    outbox: list[Mapping[str, Any]] = field(default_factory=list)
    answer: Mapping[str, Any] | None = None
    holds: list[Hold] = field(default_factory=list)
    keeps: list[Keep] = field(default_factory=list)

    @property
    def shape(self) -> Shape:
        held = tuple(hold.target for hold in self.holds)
        kept = tuple(keep.target for keep in self.keeps)
        inserted = tuple((table, _few(rows)) for table, rows in self.inserted.items())
        updated = tuple((table, _few(rows)) for table, rows in self.updated.items())
        told = _few(self.outbox) if self.outbox else None
        return Shape(inserted, updated, told, self.answer is not None, held, kept)

    def not_held(self, outcome: Values) -> list[Hold]:
        """References that the statement did not find."""
        return [hold for number, hold in enumerate(self.holds) if not outcome[f"h{number}"]]

    def all_kept(self, outcome: Values) -> bool:
        """Whether each row that was read is still as it was."""
        return all(outcome[f"v{number}"] for number in range(len(self.keeps)))

    @property
    def changed_rows(self) -> int:
        """How many rows an update must hit; fewer means that somebody was faster."""
        return sum(len(rows) for rows in self.updated.values())

    def arguments(self) -> dict[str, Any]:
        given: dict[str, Any] = {"changed_rows": self.changed_rows}
        for number, (table, rows) in enumerate(self.inserted.items()):
            given |= _sent(f"i{number}", [as_sent(table, vars(row)) for row in rows], names_of(table))
        for number, (table, changed) in enumerate(self.updated.items()):
            values = [{**as_sent(table, vars(row)), "base_version": row.base_version} for row in changed]
            given |= _sent(f"u{number}", values, (*names_of(table), "base_version"))
        given |= {f"h{number}_value": hold.value for number, hold in enumerate(self.holds)}
        for number, keep in enumerate(self.keeps):
            given |= {f"v{number}_value": keep.value, f"v{number}_version": keep.version}
        if self.outbox:
            given |= _sent("o", self.outbox, OUTBOX_COLUMNS)
        return given | {f"k_{name}": value for name, value in (self.answer or {}).items()}


def _few(rows: Sequence[Any]) -> int:
    return len(rows) if len(rows) <= _FEW else _MANY


def _sent(prefix: str, rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """The arguments of `_values`."""
    if _few(rows) == _MANY:
        return {f"{prefix}_{name}": [row.get(name) for row in rows] for name in names}
    return {f"{prefix}_{name}_{place}": row.get(name) for place, row in enumerate(rows) for name in names}


@cache
def statement(shape: Shape) -> Compiled:
    """The CTE of a shape, compiled once.

    Answers one row: `changed` (rows the updates hit), `got` (the key was free to take) and the columns of `prior`, the
    answer stored under the key before, if any; for each reference whether it was found (`h0`, `h1`, ...), and for each
    kept row whether it is as it was (`v0`, ...). Unless `got`, `prior` is absent, all of these are and `changed` is as
    expected, nothing was written.
    """
    parts: list[CTE] = []
    gate = _key_gate(parts) if shape.keyed else None
    holds = [_held(number, target) for number, target in enumerate(shape.held)]
    holds += [_kept(number, target) for number, target in enumerate(shape.kept)]
    parts.extend(holds)
    open_ = [exists(select(literal(1)).select_from(part)) for part in ([] if gate is None else [gate]) + holds]
    updates = [_update(number, table, rows, open_) for number, (table, rows) in enumerate(shape.updated)]
    parts.extend(updates)
    hit: Any = _total(updates)
    conditions = [hit == bindparam("changed_rows", type_=BigInteger)] if updates else []
    conditions += open_
    allowed = and_(true(), *conditions)
    made = [_insert(f"i{n}", table, names_of(table), rows, allowed) for n, (table, rows) in enumerate(shape.inserted)]
    parts.extend(made)
    if shape.told is not None:
        # Counting the made rows has them written first: a taken key is then told by the row's own constraint, and not
        # by the outbox, where the first version of the same subject is taken too.
        first = [_total(made) >= 0] if made else []
        parts.append(_insert("o", OUTBOX, OUTBOX_COLUMNS, shape.told, and_(allowed, *first)))
    if gate is not None:
        parts.append(_remember(allowed))
    found = [exists(select(literal(1)).select_from(part)).label(part.name) for part in holds]
    return compile_statement(_outcome(parts, hit, keyed=shape.keyed).add_columns(*found).add_cte(*parts))


def _held(number: int, target: Column[Any]) -> CTE:
    """The row referred to, locked against archiving until the change is committed; nothing when it is not there."""
    sought = _named(f"h{number}_value", loose(target.type))
    found = select(literal(1).label("one")).where(target == sought, target.table.c.archived_at.is_(None))
    return found.with_for_update(read=True).cte(f"h{number}")


def _kept(number: int, target: Column[Any]) -> CTE:
    """The row as it was read, locked against changes until ours is committed; nothing when somebody was faster."""
    sought = _named(f"v{number}_value", loose(target.type))
    version = bindparam(f"v{number}_version", type_=BigInteger)
    found = select(literal(1).label("one")).where(target == sought, target.table.c.version == version)
    return found.with_for_update(read=True).cte(f"v{number}")


def _key_gate(parts: list[CTE]) -> CTE:
    """One row when the key is neither in use by a running command nor answered already."""
    lock = func.pg_try_advisory_xact_lock(bindparam("k_lock", type_=BigInteger)).label("got")
    claim = select(lock).cte("claim")
    table = IDEMPOTENCY
    prior = (
        select(table.c.request_sha256, table.c.status, table.c.headers, table.c.body)
        .where(table.c.caller == _named("k_caller", Text()), table.c.key == _named("k_key", Text()))
        .cte("prior")
    )
    gate = (
        select(literal(1).label("open"))
        .select_from(claim)
        .where(claim.c.got, ~exists(select(prior.c.status)))
        .cte("gate")
    )
    parts.extend((claim, prior, gate))
    return gate


def _update(number: int, table: Table, rows: int, open_: Sequence[Any]) -> CTE:
    names = names_of(table)
    values = _values(f"u{number}", [table.c[name] for name in names], rows, extra=("base_version",))
    changed = update(table).values({name: values.c[name] for name in names if name not in ("id", "created_at")})
    changed = changed.where(table.c.id == values.c.id, table.c.version == values.c.base_version, *open_)
    return changed.returning(table.c.id).cte(f"u{number}")


def _insert(prefix: str, table: Table, names: Sequence[str], rows: int, allowed: Any) -> CTE:
    values = _values(prefix, [table.c[name] for name in names], rows)
    new = select(*(values.c[name] for name in names)).where(allowed)
    return insert(table).from_select(list(names), new).returning(literal(1).label("one")).cte(f"{prefix}_written")


def _remember(allowed: Any) -> CTE:
    table = IDEMPOTENCY
    row = select(*(_named(f"k_{name}", loose(table.c[name].type)).label(name) for name in _KEY_COLUMNS)).where(allowed)
    return insert(table).from_select(list(_KEY_COLUMNS), row).returning(literal(1).label("one")).cte("k_written")


def _outcome(parts: Iterable[CTE], hit: Any, *, keyed: bool) -> Select[Any]:
    by_name = {part.name: part for part in parts}
    if not keyed:
        return select(hit.label("changed"), literal(True).label("got"))
    claim, prior = by_name["claim"], by_name["prior"]
    answer = (prior.c.request_sha256, prior.c.status, prior.c.headers, prior.c.body)
    return select(hit.label("changed"), claim.c.got, *answer).select_from(claim.outerjoin(prior, true()))


def _total(written: Sequence[CTE]) -> Any:
    total: Any = literal(0, BigInteger)
    for part in written:
        total = total + select(func.count()).select_from(part).scalar_subquery()
    return total


def _values(
    prefix: str, columns: Sequence[Column[Any]], rows: int, extra: Sequence[str] = ()
) -> TableValuedAlias | sqlalchemy.Values:
    typed = [(c.name, loose(c.type)) for c in columns] + [(name, BigInteger()) for name in extra]
    names = [column(name, type_) for name, type_ in typed]
    if rows == _MANY:
        arrays = [bindparam(f"{prefix}_{name}", type_=ARRAY(type_)) for name, type_ in typed]
        return func.unnest(*arrays).table_valued(*names, name=f"{prefix}_new").render_derived()
    one = [tuple(bindparam(f"{prefix}_{name}_{place}", type_=type_) for name, type_ in typed) for place in range(rows)]
    return sqlalchemy.values(*names, name=f"{prefix}_new").data(one)


@cache
def names_of(table: Table) -> tuple[str, ...]:
    """Columns that we write; the others the database gives."""
    return tuple(c.name for c in table.columns if c.computed is None and c.identity is None)


def _named(name: str, type_: TypeEngine[Any]) -> Any:
    return bindparam(name, type_=type_)


def loose(type_: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type without its limits: a cast to varchar(40) or numeric(7, 2) would cut silently, an assignment refuses."""
    if isinstance(type_, Numeric):
        return Numeric()
    if isinstance(type_, LargeBinary):
        return LargeBinary()
    if isinstance(type_, Integer):
        return type_
    return Text() if isinstance(type_, String) else type_
