"""What a report is: one query and its columns, declared once. JSON, the workbook and the page are made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.types import TypeEngine

from plantkit.db.engine import Compiled, compile_statement

MOST_ROWS = 10_000
_TIME = TIMESTAMP(timezone=True)
Value = str | int | Decimal | None


class Group(StrEnum):
    """What numbers are summed up by. Days, weeks (ISO 8601) and months are the plant's."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    WORKPLACE = "workplace"
    ITEM = "item"
    TERMINAL = "terminal"
    MACHINE = "machine"


class Shape(StrEnum):
    """How a value is written and added up."""

    TEXT = "text"
    COUNT = "count"
    QUANTITY = "quantity"
    HOURS = "hours"
    PERCENT = "percent"

    @property
    def adds_up(self) -> bool:
        return self in (Shape.COUNT, Shape.QUANTITY)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: its SQL is an aggregate over `Report.rows`, or, where the report is split by it, an expression."""

    name: str
    title: str
    shape: Shape
    sql: str


@dataclass(frozen=True, eq=False, kw_only=True)
class Report:
    """`rows` is SQL behind FROM that uses :starts, :ends and :now; `groups` are expressions over it, the first is the
    default. `split` columns divide each group further. A group may have `own_rows`, with the same columns.
    """

    name: str
    title: str
    about: str
    rows: str
    groups: Mapping[Group, str]
    columns: tuple[Column, ...]
    split: tuple[Column, ...] = ()
    own_rows: Mapping[Group, str] = field(default_factory=dict)

    def query(self, group: Group) -> Compiled:
        """The statement of one group, one line more than `MOST_ROWS` at most."""
        keys = [self.groups[group], *(column.sql for column in self.split)]
        chosen = ", ".join(f"{sql} AS c{number}" for number, sql in enumerate([*keys, *self._sums]))
        places = ", ".join(str(number) for number, _ in enumerate(keys, start=1))
        rows = self.own_rows.get(group, self.rows)
        sql = f"SELECT {chosen} FROM {rows} GROUP BY {places} ORDER BY {places} LIMIT {MOST_ROWS + 1}"  # noqa: S608 -- SQL of ours
        return _compiled(sql)

    @property
    def _sums(self) -> list[str]:
        return [column.sql for column in self.columns]

    def header(self, group: Group) -> tuple[Column, ...]:
        """Every column of an answer, in order."""
        first = Column(name="group", title=group.capitalize(), shape=Shape.TEXT, sql=self.groups[group])
        return (first, *self.split, *self.columns)


def _compiled(sql: str) -> Compiled:
    """Bound are those of the parameters that the query names."""
    known: Mapping[str, TypeEngine[Any]] = {"starts": _TIME, "ends": _TIME, "now": _TIME, "zone": Text()}
    return compile_statement(
        text(sql).bindparams(*(bindparam(name, type_=type_) for name, type_ in known.items() if f":{name}" in sql))
    )


def by_time(moment: str) -> Mapping[Group, str]:
    """Groups of a moment by the plant's calendar."""
    local = f"({moment}) AT TIME ZONE :zone"
    return {
        Group.DAY: f"to_char({local}, 'YYYY-MM-DD')",
        Group.WEEK: f"to_char({local}, 'IYYY-\"W\"IW')",
        Group.MONTH: f"to_char({local}, 'YYYY-MM')",
    }


def count(name: str, title: str, condition: str = "true") -> Column:
    """How many rows meet a condition."""
    return Column(name=name, title=title, shape=Shape.COUNT, sql=f"count(*) FILTER (WHERE {condition})")


def quantity(name: str, title: str, sql: str) -> Column:
    """A sum, in its own unit."""
    return Column(name=name, title=title, shape=Shape.QUANTITY, sql=f"coalesce(sum({sql}), 0)")


def percent(name: str, title: str, part: str, whole: str) -> Column:
    """A share, one place; nothing of nothing is no number."""
    sql = f"round(100.0 * ({part}) / nullif({whole}, 0), 1)"
    return Column(name=name, title=title, shape=Shape.PERCENT, sql=sql)


def hours(name: str, title: str, sql: str) -> Column:
    """An aggregate of an interval, in hours with two places."""
    return Column(name=name, title=title, shape=Shape.HOURS, sql=f"round(extract(epoch FROM {sql})::numeric / 3600, 2)")
