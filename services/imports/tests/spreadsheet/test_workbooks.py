"""Workbooks as programs really write them, and what their cells become."""

import datetime as dt

import openpyxl
import pytest
import xlsxwriter
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from imports.spreadsheet.child import answers
from imports.spreadsheet.limits import Code, Limits, Refused
from services.imports.tests.spreadsheet.making import (
    BOOK,
    BOOK_RELS,
    HEADER,
    MAIN,
    ONE,
    PACKAGE,
    RELS,
    parts,
    sheet,
    text_cell,
    write,
)
from services.imports.tests.spreadsheet.reader import read
from services.imports.tests.spreadsheet.test_child import ODD

DUE = dt.datetime(2026, 12, 4, 14, 30)  # noqa: DTZ001 - as a cell holds it
LANDED = [{"code": "SHAFT-40", "name": "Shaft"}]


@pytest.mark.parametrize("name", [name for name in ODD if name not in {"prefixes", "no rows"}])
async def test_every_spelling_is_read_the_same(name, tmp_path):
    found = await read(write(tmp_path / "a.xlsx", parts(ODD[name])), "items")

    assert (found.by_field, found.errors) == (LANDED, [])


async def test_prefixed_names_are_read(tmp_path):
    def prefixed(xml):
        for tag in ("worksheet", "sheetData", "row", "is", "c", "t", "workbook", "sheets", "sheet"):
            xml = (
                xml.replace(f"<{tag} ", f"<x:{tag} ")
                .replace(f"<{tag}>", f"<x:{tag}>")
                .replace(f"</{tag}>", f"</x:{tag}>")
            )
        return xml.replace(f'xmlns="{MAIN}"', f'xmlns:x="{MAIN}"')

    file = write(tmp_path / "a.xlsx", parts(prefixed(sheet())) | {"xl/workbook.xml": prefixed(BOOK)})

    assert (await read(file, "items")).by_field == LANDED


async def test_openpyxl(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Order", "Op", "Workplace", "Item", "Due", "Quantity", "Status"])
    book.active.append(["WO-1", "0010", "CNC-07", 4711, DUE, 12.5, "released"])
    book.active.append(["WO-1", 20, "CNC-07", "A", dt.date(2026, 12, 4), "7", None])
    book.active.append(["WO-1", "0030", "CNC-07", "A", None, "=6*7", None])
    book.save(tmp_path / "a.xlsx")

    found = await read(tmp_path / "a.xlsx")

    assert [list(row.values()) for row in found.by_field] == [
        ["WO-1", "0010", "CNC-07", "4711", "2026-12-04T13:30:00Z", "12.5", "RELEASED"],
        ["WO-1", "20", "CNC-07", "A", "2026-12-03T23:00:00Z", "7", None],
    ]
    assert found.codes == [(4, "F", "cell.formula-without-value")]


async def test_rich_text_and_shared_strings(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Item", "Name"])
    bold = InlineFont(b=True)
    book.active.append(["SHAFT-40", CellRichText("Sh", TextBlock(bold, "af"), "t")])
    book.save(tmp_path / "a.xlsx")

    assert (await read(tmp_path / "a.xlsx", "items")).by_field == LANDED


async def test_days_since_1904(tmp_path):
    made = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"), {"date_1904": True})
    rows, days = made.add_worksheet(), made.add_format({"num_format": "yyyy-mm-dd hh:mm"})
    rows.write_row(0, 0, ["Order", "Op", "Workplace", "Item", "Quantity", "Due"])
    rows.write_row(1, 0, ["WO-1", "0010", "CNC-07", "A", 1])
    rows.write_datetime(1, 5, DUE, days)
    made.close()

    assert (await read(tmp_path / "a.xlsx")).by_field[0]["due"] == "2026-12-04T13:30:00Z"


async def test_an_error_is_no_empty_cell(tmp_path):
    rows = (
        '<row r="2"><c r="A2" t="e"><v>#N/A</v></c>' + text_cell("B2", "x") + "</row>"
        '<row r="3">' + text_cell("A3", "A") + '<c r="B3" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
        '<row r="4">' + text_cell("A4", "B") + '<c r="B4"><f>C4</f></c></row>'
        '<row r="5">' + text_cell("A5", "C") + '<c r="B5" t="str"><f>C5</f><v></v></c></row>'
        '<row r="6">' + text_cell("A6", "D") + '<c r="B6"/></row>'
    )  # fmt: skip
    found = await read(write(tmp_path / "a.xlsx", parts(sheet(HEADER + rows))), "items")

    assert [(error.row, error.letter, error.code, error.value) for error in found.errors] == [
        (2, "A", "cell.error", "#N/A"),
        (3, "B", "cell.error", "#DIV/0!"),
        (4, "B", "cell.formula-without-value", None),
    ]
    assert found.by_field == [{"code": "C", "name": None}, {"code": "D", "name": None}]


async def test_what_is_merged_downwards_holds_for_every_row(tmp_path):
    book = openpyxl.Workbook()
    cells = book.active
    cells.append(["Order", "Op", "Workplace", "Item", "Quantity"])
    for step in range(1, 4):
        cells.append(["WO-1" if step == 1 else None, f"00{step}0", "CNC-07", "A", 5])
    cells.append([None, "0040", "CNC-07", "A", 5])
    cells.merge_cells("A2:A4")
    book.save(tmp_path / "a.xlsx")

    found = await read(tmp_path / "a.xlsx", "operations")

    assert [(row["order_no"], row["operation_no"]) for row in found.by_field] == [
        ("WO-1", "0010"), ("WO-1", "0020"), ("WO-1", "0030"),
    ]  # fmt: skip
    assert found.codes == [(5, "A", "cell.required")]


def several(path):
    """A hidden list, a cover, the table, and another table."""
    book = openpyxl.Workbook()
    book.active.title = "Hidden"
    book.active.append(["Item", "Name"])
    book.active.sheet_state = "hidden"
    book.create_sheet("Cover")["B2"] = "Items of plant 01"
    for name, code in (("First", "A"), ("Second", "B")):
        made = book.create_sheet(name)
        made.append(["Item", "Name"])
        made.append([code, name])
    book.save(path)
    return path


async def test_the_first_sheet_that_can_be_seen_and_has_a_header_is_read(tmp_path):
    found = await read(several(tmp_path / "a.xlsx"), "items")

    assert (found.head.sheet, found.by_field) == ("First", [{"code": "A", "name": "First"}])


async def test_a_sheet_may_be_named(tmp_path):
    found = await read(several(tmp_path / "a.xlsx"), "items", sheet="Second")

    assert (found.head.sheet, found.by_field) == ("Second", [{"code": "B", "name": "Second"}])
    with pytest.raises(Refused) as refused:
        await read(several(tmp_path / "a.xlsx"), "items", sheet="Third")
    assert refused.value.code == Code.SHEET


def test_sheets_are_answered_one_after_the_other(tmp_path):
    orders = [f'{{"sheet": {index}, "most": null}}'.encode() for index in (1, 3, 2)]
    with several(tmp_path / "a.xlsx").open("rb") as file:
        told = list(answers(file, Limits(), orders))

    assert told[0]["sheets"] == [("Hidden", False), ("Cover", True), ("First", True), ("Second", True)]
    assert [next(iter(answer)) for answer in told[1:]] == ["chunk", "end"] * 3
    assert told[1]["chunk"]["column"] == 2


async def test_chart_sheets_are_passed_over(tmp_path):
    made = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    chart = made.add_chart({"type": "bar"})
    chart.add_series({"values": "=Rows!$A$1:$A$2"})
    made.add_chartsheet("Chart").set_chart(chart)
    rows = made.add_worksheet("Rows")
    rows.write_row(0, 0, ["Item", "Name"])
    rows.write_row(1, 0, ["SHAFT-40", "Shaft"])
    made.close()

    found = await read(tmp_path / "a.xlsx", "items")

    assert (found.head.sheet, found.by_field) == ("Rows", LANDED)


async def test_a_wide_sheet_comes_in_smaller_chunks(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Item", "Name", *(f"more {n}" for n in range(200))])
    for n in range(1200):
        book.active.append([f"P{n}", "x", *("y" * 3,) * 5])
    book.save(tmp_path / "a.xlsx")

    found = await read(tmp_path / "a.xlsx", "items")

    assert (len(found.rows), len(found.head.warnings)) == (1200, 20)


def test_what_the_makers_name_is_used():
    assert PACKAGE in BOOK_RELS
    assert RELS in BOOK
    assert ONE in sheet()


def test_the_child_fills_in_what_is_merged_and_what_only_looks_empty(tmp_path):
    merged = '<mergeCells><mergeCell ref="A2:A3"/></mergeCells>'
    rows = ONE + '<row r="3"><c r="B3" t="e"><v>#N/A</v></c></row><row r="4"><c r="A4"><f>B1</f></c></row>'
    with write(tmp_path / "a.xlsx", parts(sheet(HEADER + rows, after=merged))).open("rb") as file:
        told = list(answers(file, Limits(), [b'{"sheet": 0, "most": null}']))

    codes, names = told[1]["chunk"]["columns"]
    assert codes["v"] == ["Item", "SHAFT-40", "SHAFT-40", ["f", ""]]
    assert names["v"] == ["Name", "Shaft", ["e", "#N/A"], ""]
