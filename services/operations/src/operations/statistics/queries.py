"""The numbers of a report, in one statement."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache

from operations.statistics.errors import TooManyGroups
from operations.statistics.question import Question
from operations.statistics.report import MOST_ROWS, Column, Group, Report, Value
from plantkit.db.engine import Compiled, Database

Line = tuple[Value, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """An answer, before it is written in any form. `totals` has None where a column does not add up."""

    question: Question
    header: tuple[Column, ...]
    lines: tuple[Line, ...]
    totals: Line

    @property
    def made_at(self) -> datetime:
        return self.question.now


async def answered(db: Database, question: Question) -> Table:
    """Raises TooManyGroups."""
    statement = _statement(question.report, question.group)
    records = await db.fetch(statement, **question.given(statement.names))
    if len(records) > MOST_ROWS:
        raise TooManyGroups(f"The answer would have more than {MOST_ROWS} lines.")
    header = question.report.header(question.group)
    lines = tuple(tuple(record) for record in records)
    return Table(question=question, header=header, lines=lines, totals=_totals(header, lines))


@cache
def _statement(report: Report, group: Group) -> Compiled:
    return report.query(group)


def _totals(header: tuple[Column, ...], lines: tuple[Line, ...]) -> Line:
    return tuple(
        sum((Decimal(line[at] or 0) for line in lines), Decimal(0)) if column.shape.adds_up else None
        for at, column in enumerate(header)
    )
