"""The workbook that every contestant gets: operations of an ERP, 12 columns, as a planner exports them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter

HEADERS = (
    "Order", "Operation", "Workplace", "Item", "Planned start", "Planned end", "Due", "Quantity", "Status", "Processed",
    "Good", "Scrap",
)  # fmt: skip
FIELDS = (
    "order_no", "operation_no", "workplace", "item", "planned_start", "planned_end", "due", "qty_desired", "status",
    "qty_processed", "qty_good", "qty_scrap",
)  # fmt: skip
WORKPLACES = tuple(f"WP-{number:03d}" for number in range(50))
ITEMS = tuple(f"ITEM-{number:04d}" for number in range(500))
_MOMENTS = (4, 5, 6)
_FIRST = datetime(2026, 3, 2, 6, 0)  # noqa: DTZ001 -- a cell of a workbook knows no time zone
_STEPS = 10


@dataclass(frozen=True)
class Book:
    """A file whose order numbers begin with `prefix`, so that no two turns meet."""

    path: Path
    prefix: str
    rows: int


def write(path: Path, prefix: str, rows: int) -> Book:
    """Every tenth operation is under way: it brings what is booked on it."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("Operations")
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        sheet.write_row(0, 0, HEADERS)
        for number, cells in enumerate(_rows(prefix, rows), start=1):
            for column, cell in enumerate(cells):
                if column in _MOMENTS:
                    sheet.write_datetime(number, column, cell, moment)
                else:
                    sheet.write(number, column, cell)
    return Book(path, prefix, rows)


def _rows(prefix: str, rows: int) -> Iterator[tuple[Any, ...]]:
    for number in range(rows):
        order, step = divmod(number, _STEPS)
        start = _FIRST + timedelta(minutes=7 * (number % 50_000))
        wanted = 50 + number % 400
        done = wanted // 2 if number % 10 == 0 else 0
        yield (
            f"{prefix}-{order:06d}",
            f"{(step + 1) * 10:04d}",
            WORKPLACES[number % len(WORKPLACES)],
            ITEMS[number % len(ITEMS)],
            start,
            start + timedelta(hours=2),
            start + timedelta(days=3),
            wanted,
            "IN_PROGRESS" if done else "RELEASED",
            done,
            done,
            0,
        )
