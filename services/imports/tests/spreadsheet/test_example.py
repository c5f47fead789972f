"""The example of a morning's workbook: it is what its generator says, and reading it finds what was put in."""

import datetime as dt
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import openpyxl
import pytest

from services.imports.tests.spreadsheet.reader import read

EXAMPLES = Path(__file__).parents[4] / "examples"


def generator():
    spec = spec_from_file_location("examples_make", EXAMPLES / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def cells(path):
    book = openpyxl.load_workbook(path)
    return {
        sheet.title: (
            sheet.sheet_state,
            sorted(map(str, sheet.merged_cells.ranges)),
            {cell.coordinate: cell.value for row in sheet.iter_rows() for cell in row if cell.value is not None},
        )
        for sheet in book.worksheets
    }


@pytest.fixture(scope="module")
async def found():
    """The workbook, as it is read."""
    return await read(EXAMPLES / "morning.xlsx")


def test_the_file_is_what_its_generator_makes(tmp_path):
    made = tmp_path / "morning.xlsx"
    generator().make(made)

    assert cells(made) == cells(EXAMPLES / "morning.xlsx")


def test_the_table_is_found_below_its_title_and_ends_before_its_legend(found):
    assert (found.head.sheet, found.head.header_row, found.head.template_id) == ("Orders", 4, "operations")
    assert {column.header: column.field for column in found.head.columns} == {
        "Production order": "order_no",
        "Op": "operation_no",
        "Work centre": "workplace",
        "Material": "item",
        "Start date": "planned_start",
        "End date": "planned_end",
        "Delivery date": "due",
        "Order quantity": "qty_desired",
        "Status": "status",
        "Yield": "qty_good",
        "Customer": None,
        "Remark": None,
    }
    assert [warning.code for warning in found.head.warnings] == ["column.unknown", "column.unknown"]
    assert (found.seen, len(found.rows), len(found.rejected)) == (2000, 1988, 12)


def test_each_wrong_cell_is_told_and_no_other(found):
    assert found.codes == [
        (240, "H", "cell.invalid"),
        (309, "H", "cell.number"),
        (422, "H", "cell.number"),
        (516, "D", "cell.error"),
        (637, "H", "cell.formula-without-value"),
        (754, "I", "cell.choice"),
        (894, "G", "cell.date"),
        (1019, "E", "cell.date"),
        (1227, "B", "row.duplicate-key"),
        (1410, "B", "cell.required"),
        (1567, "A", "cell.invalid"),
        (1839, "H", "cell.invalid"),
    ]


def test_dates_and_numbers_of_every_habit_become_the_same_values(found):
    rows = {(row["order_no"], row["operation_no"]): row for row in found.by_field}
    start = dt.datetime(2026, 12, 2, 6, 0, tzinfo=dt.UTC) + dt.timedelta(hours=3 * 44 - 1)

    assert rows["WO-2044", "0010"] == {
        "order_no": "WO-2044",
        "operation_no": "0010",
        "workplace": "SAW-01",
        "item": "BUSH-40",
        "planned_start": f"{start:%Y-%m-%dT%H:%M:%S}Z",
        "planned_end": f"{start + dt.timedelta(hours=2):%Y-%m-%dT%H:%M:%S}Z",
        "due": "2026-12-20T23:00:00Z",
        "qty_desired": "328.5",
        "status": "RELEASED",
        "qty_good": None,
    }
    assert rows["WO-2040", "0010"]["status"] == "IN_PROGRESS"
    assert rows["WO-2005", "0010"]["qty_desired"] == "55"
