"""Real files of other projects, below the folder in TAKT_SAMPLES: what becomes of each, written by hand.

None of them was made for Takt, so most are not what it takes; each still ends in rows, in a reason of the closed list,
or is refused at the door (415). Where the folder is absent the tests are counted and named. No cell of theirs is here.
"""

import os
from pathlib import Path

import pytest

from imports.spreadsheet.limits import Code, Refused
from services.imports.tests.spreadsheet.reader import read

pytestmark = pytest.mark.untraced

SETTING = "TAKT_SAMPLES"

Rows = tuple[str, int, int]  # template that fits best, rows accepted, rows rejected
Failed = tuple[str, Code]  # the same, why the import fails
EXPECTED: dict[str, Rows | Failed | int] = {
    # lists of things with a name: the name is the key, and what they say beside it is not read
    "adventureworks/HumanResources.Department.csv": ("items", 16, 0),
    "adventureworks/Production.Product.csv": ("items", 492, 12),  # names with a slash
    "adventureworks/Production.ProductModel.csv": ("items", 122, 15),  # longer than a code may be, or with a slash
    "adventureworks/Production.ProductSubcategory.csv": ("items", 37, 0),
    "adventureworks/Production.ScrapReason.csv": ("items", 16, 0),
    "adventureworks/Production.UnitMeasure.csv": ("items", 37, 1),  # a name with a slash
    "adventureworks/Purchasing.ShipMethod.csv": ("items", 5, 0),
    "adventureworks/Purchasing.Vendor.csv": ("items", 104, 0),
    "frepple/customer.xlsx": ("items", 1, 0),
    "frepple/item.fcst.xlsx": ("items", 7, 0),
    "frepple/location.xlsx": ("items", 3, 0),
    "frepple/resource.xlsx": ("machines", 4, 0),
    "frepple/supplier.mfg.xlsx": ("items", 3, 0),
    "readxl/clippy.xlsx": ("items", 4, 0),
    "readxl/deaths.xlsx": ("items", 11, 0),  # header on line 5; of the notes below, one stands in the table
    # about items, though not lists of items: the first row of each wins, the others are named as duplicates
    "frepple/buffer.mfg.xlsx": ("items", 4, 0),
    "frepple/distributionorder.xlsx": ("items", 1, 1),
    "frepple/itemdistribution.xlsx": ("workplaces", 0, 2),  # rows without the key
    "frepple/itemsupplier.mfg.xlsx": ("items", 3, 0),
    "frepple/operation.xlsx": ("items", 3, 2),  # rows without an item
    "frepple/purchaseorder.mfg.xlsx": ("items", 2, 0),
    "frepple/salesorder.fcst.xlsx": ("items", 1, 319),
    "frepple/salesorder.mfg.xlsx": ("items", 1, 4),
    # some columns are known, but not the key
    "frepple/manufacturingorder.xlsx": ("operations", Code.MISSING),
    "frepple/operationmaterial.xlsx": ("operations", Code.MISSING),
    "frepple/operationresource.xlsx": ("operations", Code.MISSING),
    "readxl/type-me.xlsx": ("items", Code.MISSING),
    # one known header, and that many times
    "kicost/expected_test__CAN Balancer.csv": ("items", Code.DUPLICATE),
    "kicost/expected_test__RPi-Test.csv": ("items", Code.DUPLICATE),
    "kicost/expected_test__StickIt-Hat.csv": ("items", Code.DUPLICATE),
    "kicost/expected_test__acquire-PWM.csv": ("items", Code.DUPLICATE),
    # nothing that a template knows
    "adventureworks/Production.ProductCostHistory.csv": ("items", Code.HEADER),
    "adventureworks/Purchasing.Productvendor.csv": ("items", Code.HEADER),
    "agate-excel/test_ambiguous_date.xlsx": ("items", Code.HEADER),
    "agate-excel/test_sheets.xlsx": ("items", Code.HEADER),
    "agate-excel/test_skip_lines.xlsx": ("items", Code.HEADER),
    "csvkit/bad.csv": ("items", Code.HEADER),
    "csvkit/iris.csv": ("items", Code.HEADER),
    "csvkit/mac_newlines.csv": ("items", Code.HEADER),
    "csvkit/test_latin1.csv": ("items", Code.HEADER),
    "csvkit/test_locale.csv": ("items", Code.HEADER),
    "csvkit/test_utf8_bom.csv": ("items", Code.HEADER),
    "mwo2kg/delay_accounting_data_fake.csv": ("items", Code.HEADER),
    "readxl/geometry.xlsx": ("items", Code.HEADER),
    "tablib/founders.xlsx": ("items", Code.HEADER),
    "tablib/ragged.xlsx": ("items", Code.HEADER),
    "xlsx2csv/datetime.csv": ("items", Code.HEADER),
    "xlsx2csv/datetime.xlsx": ("items", Code.HEADER),
    "xlsx2csv/empty_row.csv": ("items", Code.HEADER),
    "xlsx2csv/empty_row.xlsx": ("items", Code.HEADER),
    "xlsx2csv/last-column-empty.csv": ("items", Code.HEADER),
    "xlsx2csv/last-column-empty.xlsx": ("items", Code.HEADER),
    "xlsx2csv/percentage.csv": ("items", Code.HEADER),
    "xlsx2csv/percentage.xlsx": ("items", Code.HEADER),
    # of a kind that is not taken; should one come under another name, its content tells
    "agate-excel/test_zeros.xls": 415,
    "csvkit/dummy.xls": 415,
    "readxl/deaths.xls": 415,
    "tablib/book.ods": 415,
    "tablib/dates.xls": 415,
}


@pytest.fixture
def samples(request):
    folder = os.environ.get(SETTING)
    if not folder or not Path(folder).is_dir():
        request.node.user_properties.append(("absent", SETTING))
        pytest.skip(f"needs the folder {SETTING}")
    return Path(folder)


async def outcome(path: Path, template: str) -> Rows | Failed:
    try:
        found = await read(path, template)
    except Refused as refused:
        return template, Code(refused.code)
    return template, len(found.rows), len(found.rejected)


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_real_file_ends_as_it_should(samples, name):
    expected = EXPECTED[name]
    if expected == 415:
        assert Path(name).suffix not in {".xlsx", ".csv"}
        assert await outcome(samples / name, "items") == ("items", Code.UNSUPPORTED)
    else:
        assert isinstance(expected, tuple)
        assert await outcome(samples / name, expected[0]) == expected


async def suggested(path: Path) -> list[str] | Code:
    """What a person is asked where no template was named. None of these files is sure."""
    try:
        found = await read(path)
    except Refused as refused:
        return Code(refused.code)
    assert found.head.template_id is None
    return [suggestion.target for suggestion in found.head.suggestions]


@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected != 415])
async def test_a_real_file_without_a_template_asks_a_person(samples, name):
    expected, found = EXPECTED[name], await suggested(samples / name)
    assert isinstance(expected, tuple)

    if expected[1] in {Code.HEADER, Code.DUPLICATE}:
        assert found in ([], Code.HEADER)
    else:
        assert isinstance(found, list)
        assert expected[0] in found


def test_no_file_is_left_out(samples):
    there = {str(path.relative_to(samples)) for path in samples.rglob("*") if path.suffix not in {"", ".md", ".jsonl"}}

    assert there == set(EXPECTED)
