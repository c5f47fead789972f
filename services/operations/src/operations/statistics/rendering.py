"""One answer in three forms: JSON, a workbook, a page that prints on A4. None of them knows what a report is about."""

import base64
import hashlib
import io
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from operations.statistics.queries import Line, Table
from operations.statistics.report import Column, Group, Shape, Value
from takt_contracts.scalars import UtcDatetime

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HTML: Final = "text/html; charset=utf-8"
_HERE = Path(__file__).parent / "templates"
_STYLE = (_HERE / "report.css").read_text()
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_DIGEST}'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
"""The page loads nothing and runs nothing; its one style is known by its digest."""
_FORMATS: Final[Mapping[Shape, str]] = {
    Shape.TEXT: "@",
    Shape.COUNT: "#,##0",
    Shape.QUANTITY: "#,##0.######",
    Shape.HOURS: "#,##0.00",
    Shape.PERCENT: "0.0",
}


class ReportColumn(BaseModel):
    """A column of the answer; `shape` says how its values are written."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    title: str
    shape: Shape


class ReportAnswer(BaseModel):
    """The numbers of one report. Quantities, hours and percents are decimals in strings; a share of nothing is null."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    title: str
    about: str
    from_: UtcDatetime = Field(alias="from")
    to: UtcDatetime
    group: Group
    made_at: UtcDatetime
    columns: list[ReportColumn]
    rows: list[dict[str, str | int | None]]
    totals: dict[str, str | int | None] = Field(description="Of the columns that add up.")


def as_json(table: Table) -> bytes:
    """What programs read."""
    asked = table.question
    answer = ReportAnswer(
        name=asked.report.name,
        title=asked.report.title,
        about=asked.report.about,
        from_=asked.starts,
        to=asked.ends,
        group=asked.group,
        made_at=table.made_at,
        columns=[ReportColumn.model_validate(column) for column in table.header],
        rows=[_by_name(table.header, line) for line in table.lines],
        totals={name: value for name, value in _by_name(table.header, table.totals).items() if value is not None},
    )
    return answer.model_dump_json(by_alias=True).encode()


def _by_name(header: tuple[Column, ...], line: Line) -> dict[str, str | int | None]:
    return {column.name: _plain(column.shape, value) for column, value in zip(header, line, strict=True)}


def _plain(shape: Shape, value: Value) -> str | int | None:
    if value is None:
        return None
    return int(value) if shape is Shape.COUNT else _written(value)


def _written(value: Value) -> str:
    """One spelling a number: `100`, never `100.000000`."""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f") if value else "0"
    return str(value)


def as_workbook(table: Table) -> bytes:
    """What a planner goes on calculating with: numbers are numbers. The library is loaded on first use."""
    import xlsxwriter

    made = io.BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": table.question.report.title, "comments": table.question.report.about})
    sheet = book.add_worksheet(table.question.report.title[:31])
    first = _write_head(book, sheet, table)
    for at, line in enumerate(table.lines, start=first):
        _write_line(book, sheet, table.header, at, line)
    _write_line(book, sheet, table.header, first + len(table.lines), ("Total", *table.totals[1:]), bold=True, top=1)
    book.close()
    return made.getvalue()


def _write_head(book: Any, sheet: Any, table: Table) -> int:
    """Title, range and titles of columns, which stay in sight and are printed on every page. Answers the next row."""
    sheet.write_string(0, 0, table.question.report.title, book.add_format({"bold": True, "font_size": 14}))
    sheet.write_string(1, 0, _range(table))
    for at, column in enumerate(table.header):
        sheet.write_string(3, at, column.title, book.add_format({"bold": True, "bottom": 1, "text_wrap": True}))
        sheet.set_column(at, at, max(14, min(len(column.title), 24) + 2))
    sheet.freeze_panes(4, 1)
    sheet.set_paper(9)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(3)
    return 4


def _write_line(book: Any, sheet: Any, header: tuple[Column, ...], at: int, line: Line, **look: Any) -> None:
    for place, (column, value) in enumerate(zip(header, line, strict=True)):
        cell = _format(book, column.shape, **look)
        if value is None:
            sheet.write_blank(at, place, None, cell)
        elif isinstance(value, str):
            sheet.write_string(at, place, value, cell)
        else:
            sheet.write_number(at, place, value, cell)


def _format(book: Any, shape: Shape, **look: Any) -> Any:
    return book.add_format({"num_format": _FORMATS[shape], **look})


def as_page(table: Table, plant: str) -> bytes:
    """What is read on a screen and printed: everything in one file."""
    lines = [
        [_shown(column.shape, value) for column, value in zip(table.header, line, strict=True)] for line in table.lines
    ]
    totals = [_shown(column.shape, value) for column, value in zip(table.header, table.totals, strict=True)]
    page: str = _template().render(
        report=table.question.report,
        group=table.question.group,
        header=table.header,
        lines=lines,
        totals=totals,
        range=_range(table),
        made_at=_local(table, table.made_at),
        plant=plant,
        style=_STYLE,
    )
    return page.encode()


@cache
def _template() -> Any:
    """The library is loaded on first use."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined).get_template(
        "report.html"
    )


def _shown(shape: Shape, value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    places = {Shape.HOURS: ",.2f", Shape.PERCENT: ",.1f"}.get(shape)
    return format(value, places) if places else f"{Decimal(value).normalize():,f}"


def _range(table: Table) -> str:
    return f"{_local(table, table.question.starts)} to {_local(table, table.question.ends)}, by {table.question.group}"


def _local(table: Table, moment: datetime) -> str:
    """In the plant's time, as it is said there."""
    return moment.astimezone(table.question.zone).strftime("%Y-%m-%d %H:%M %Z")
