"""CSV of all sorts: letters, separators, line ends; and what is no table."""

import pytest

from imports.spreadsheet.child import answers
from imports.spreadsheet.limits import Limits
from services.imports.tests.spreadsheet.reader import read
from services.imports.tests.spreadsheet.test_hostile import REFUSED

PLAIN = "Item,Name,Category\nSHAFT-40,Größe 40,shafts\n0010,Bush,\n"
LANDED = [
    {"code": "SHAFT-40", "name": "Größe 40", "category": "shafts"},
    {"code": "0010", "name": "Bush", "category": None},
]
SORTS = {
    "utf-8": PLAIN.encode(),
    "utf-8 with a mark": PLAIN.encode("utf-8-sig"),
    "utf-16": PLAIN.replace(",", "\t").encode("utf-16"),
    "utf-16, big end first": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "cp1252": PLAIN.encode("cp1252"),
    "semicolons": PLAIN.replace(",", ";").encode(),
    "tabs": PLAIN.replace(",", "\t").encode(),
    "bars": PLAIN.replace(",", "|").encode(),
    "CR LF": PLAIN.replace("\n", "\r\n").encode(),
    "CR": PLAIN.replace("\n", "\r").encode(),
    "no last line end": PLAIN.rstrip("\n").encode(),
    "quotes": PLAIN.replace("shafts", '"shafts"').encode(),
    "ragged": PLAIN.replace("Bush,", "Bush").replace("shafts", "shafts,,,x").encode(),
    "empty lines": PLAIN.replace("\n0010", "\n\n0010").encode(),
}


@pytest.mark.parametrize("sort", SORTS)
async def test_every_sort_of_csv_lands_the_same(sort, tmp_path):
    file = tmp_path / "items.csv"
    file.write_bytes(SORTS[sort])

    found = await read(file, "items")

    assert (found.by_field, found.errors, found.head.sheet) == (LANDED, [], None)


@pytest.mark.parametrize("sort", SORTS)
def test_the_child_tells_every_sort(sort, tmp_path):
    file = tmp_path / "items.csv"
    file.write_bytes(SORTS[sort])

    with file.open("rb") as opened:
        told = list(answers(opened, Limits(), [b'{"sheet": 0, "most": null}']))

    assert told[0] == {"sheets": [("", True)]}
    assert told[1]["chunk"]["columns"][0]["v"][0] == "Item"


async def test_rows_count_as_a_spreadsheet_program_shows_them(tmp_path):
    file = tmp_path / "items.csv"
    file.write_text('Item,Name\nA,"one\ntwo"\n\nB,\nC/D,x\n')

    found = await read(file, "items")

    assert [row[0] for row in found.rows] == [4]
    assert found.codes == [(2, "B", "cell.control-character"), (5, "A", "cell.invalid")]


async def test_a_separator_inside_of_quotes_is_text(tmp_path):
    file = tmp_path / "items.csv"
    file.write_text('Item;Name\nA;"Bush; hard, 40"\nB;"5"" pipe"\n')

    assert [row["name"] for row in (await read(file, "items")).by_field] == ["Bush; hard, 40", '5" pipe']


async def test_an_early_error_in_a_quote_costs_the_file_and_not_the_time(tmp_path):
    make, code = REFUSED["quote over much"]
    with make(tmp_path / "a.csv").open("rb") as file:
        told = list(answers(file, Limits(), [b'{"sheet": 0, "most": null}']))

    assert told[-1]["refused"][0] == code


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_a_million_rows_are_read_by_a_flat_child(tmp_path):
    file = tmp_path / "many.csv"
    with file.open("w") as out:
        out.write("Item,Name,Unit,Category\n")
        out.writelines(f"PART-{n:07d},Part number {n},pcs,group {n % 40}\n" for n in range(1_000_000))
    most = 0

    from services.imports.tests.spreadsheet.reader import opened

    async with opened(file, "items", limits=Limits(wall_s=250)) as reading:
        await reading.head()
        seen = 0
        async for batch in reading.batches():
            seen = batch.seen
            if seen % 50_000 < 500:
                most = max(most, resident(reading._parser.pid))

    assert seen == 1_000_000
    assert most < 150 * 2**20


def resident(pid):
    with open(f"/proc/{pid}/status") as status:  # noqa: PTH123 - no path of ours
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))
