"""Make `morning.xlsx`: what a plant's ERP exports every morning, as such files really look. Always the same.

A cover sheet, a title block, the header on line 4, names of columns that are not ours, dates of three sorts, numbers
that are text, leading zeros, an empty line between groups of orders, a total and a legend below, and some wrong rows.

    python examples/make.py
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter

FILE = Path(__file__).with_name("morning.xlsx")
HEADER_ROW = 4
ORDERS = 400
EXPORTED = datetime(2026, 12, 1, 5, 30, tzinfo=UTC).replace(tzinfo=None)
FIRST_START = datetime(2026, 12, 2, 6, 0, tzinfo=UTC).replace(tzinfo=None)

HEADER = (
    "Production order", "Op", "Work centre", "Material", "Start date", "End date", "Delivery date", "Order quantity",
    "Status", "Yield", "Customer", "Remark",
)  # fmt: skip
WIDTHS = (17, 7, 12, 13, 18, 18, 14, 15, 13, 9, 14, 30)
ROUTING = (("SAW-01", 2), ("CNC-07", 6), ("HEAT-02", 8), ("GRIND-03", 4), ("PACK-01", 1))
ITEMS = ("SHAFT-40", "SHAFT-32", "BUSH-40")
LEGEND = (
    "Legend",
    "RELEASED: may be started. IN PROGRESS: somebody works on it.",
    "Quantities in the unit of the material. Dates in local time of the plant.",
    "Internal use only",
)

WRONG: dict[tuple[int, int], tuple[str, Any]] = {
    (7, 20): ("Work centre", "CNC-99"),
    (19, 10): ("Material", "SHAFT-99"),
    (33, 30): ("Order quantity", None),
    (48, 10): ("Order quantity", -40),
    (61, 40): ("Order quantity", "twelve"),
    (84, 20): ("Order quantity", "120 pcs"),
    (102, 50): ("Material", "#N/A"),
    (127, 10): ("Order quantity", "=40*3"),
    (150, 30): ("Status", "started"),
    (178, 20): ("Delivery date", "31/02/2027"),
    (203, 10): ("Start date", "00:00.0"),
    (244, 40): ("Op", "0030"),
    (281, 10): ("Op", None),
    (312, 20): ("Production order", "WO/2312"),
    (366, 30): ("Order quantity", 33.33333333),
}
"""One wrong cell each, by order and operation: the column and what stands there. What begins with = is a formula that
was saved without its result; the operation that is called 0030 a second time has the key of the row above it."""


def lines() -> Iterator[list[Any] | None]:
    """The rows below the header, from line 5 on; None is an empty line."""
    for order in range(1, ORDERS + 1):
        yield from (_line(order, step) for step in range(len(ROUTING)))
        if order % 50 == 0:
            yield None


def _line(order: int, step: int) -> list[Any]:
    """An operation as this ERP writes it: each habit comes with some regularity, none in every row."""
    workplace, hours = ROUTING[step]
    if workplace == "CNC-07" and order % 2:
        workplace = "CNC-08"
    start = FIRST_START + timedelta(hours=3 * order + 24 * step)
    end, due = start + timedelta(hours=hours), FIRST_START + timedelta(days=order // 8 + 14)
    running = step == 0 and order % 10 == 0
    quantity = 20 + order * 7 % 480
    line = [
        f"WO-{2000 + order}",
        f"{(step + 1) * 10:04d}",
        workplace if order % 3 else f" {workplace} ",
        ITEMS[order % 3],
        start,
        end if order % 4 else f"{end:%d.%m.%Y %H:%M}",
        f"{due:%d/%m/%Y}",
        _quantity(quantity, order),
        ("In progress" if order % 20 else "IN_PROGRESS") if running else ("RELEASED" if order % 6 else "Released"),
        quantity // 4 if running else None,
        f"Customer {order % 17 + 1:02d}",
        "rush" if order % 29 == 0 and step == 0 else None,
    ]
    column, value = WRONG.get((order, (step + 1) * 10), ("", None))
    return [value if name == column else cell for name, cell in zip(HEADER, line, strict=True)]


def _quantity(quantity: int, order: int) -> Any:
    """A number, a number that is text, or one with a comma: what the clerk's program did that day."""
    if order % 11 == 0:
        return f"{quantity},50"
    return str(quantity) if order % 5 == 0 else quantity


def make(file: Path) -> None:
    book = xlsxwriter.Workbook(str(file), {"default_date_format": "dd.mm.yyyy hh:mm"})
    book.set_properties({"title": "Production orders", "author": "ERP", "created": EXPORTED})
    bold = book.add_format({"bold": True})
    _cover(book, bold)
    sheet = book.add_worksheet("Orders")
    _title(book, sheet, bold)
    row = HEADER_ROW
    for line in lines():
        for column, cell in enumerate(line or ()):
            _write(sheet, row, column, cell)
        row += 1
    _below(sheet, row, bold)
    sheet.freeze_panes(HEADER_ROW, 2)
    sheet.autofilter(HEADER_ROW - 1, 0, row - 1, len(HEADER) - 1)
    hidden = book.add_worksheet("Lists")
    hidden.write_column(0, 0, ["Work centre", *(workplace for workplace, _ in ROUTING)])
    hidden.hide()
    book.close()


def _cover(book: Any, bold: Any) -> None:
    cover = book.add_worksheet("Cover")
    cover.write(1, 1, "Production orders", bold)
    cover.write(2, 1, "Plant 01, all work centres")
    cover.write(3, 1, EXPORTED)


def _title(book: Any, sheet: Any, bold: Any) -> None:
    centred = book.add_format({"bold": True, "align": "center"})
    sheet.merge_range(0, 0, 0, len(HEADER) - 1, "Production orders, plant 01", centred)
    sheet.write(1, 0, "Exported")
    sheet.merge_range(1, 1, 1, 3, "01.12.2026 05:30", None)
    sheet.write(1, 6, "Page 1 of 1")
    sheet.write_row(HEADER_ROW - 1, 0, HEADER, bold)
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)


def _write(sheet: Any, row: int, column: int, cell: Any) -> None:
    if cell == "#N/A":
        sheet.write_formula(row, column, '=VLOOKUP("X",Lists!A1:A6,1,FALSE)', None, "#N/A")
    elif isinstance(cell, str) and cell.startswith("="):
        sheet.write_formula(row, column, cell, None, "")
    elif isinstance(cell, str):
        sheet.write_string(row, column, cell)
    elif cell is not None:
        sheet.write(row, column, cell)


def _below(sheet: Any, row: int, bold: Any) -> None:
    """A total beside no order, then the legend."""
    sheet.write(row, 3, "Total orders", bold)
    sheet.write(row, 7, ORDERS, bold)
    for at, text in enumerate(LEGEND):
        sheet.merge_range(row + 2 + at, 0, row + 2 + at, 7, text)


if __name__ == "__main__":
    make(FILE)
