"""Real files of other projects go the whole road: to rows, to a reason of the closed list, or not past the door.

What becomes of each is written by hand beside the reader's own test. Here the owner judges too: it may refuse more rows
than the reader did, because it knows which workplaces there are.
"""

from pathlib import Path
from typing import Any

import pytest

from services.imports.tests.spreadsheet.test_samples import EXPECTED, samples
from tests.e2e.road import Road, changed, sums_up

__all__ = ["samples"]
pytestmark = pytest.mark.broker
ITEMS = "frepple/item.fcst.xlsx"
# These call an item by its key alone, and an item that is new needs a name: the list of items goes before them.
AFTER_ITEMS = {
    "frepple/buffer.mfg.xlsx",
    "frepple/distributionorder.xlsx",
    "frepple/itemsupplier.mfg.xlsx",
    "frepple/purchaseorder.mfg.xlsx",
}


@pytest.mark.parametrize("name", EXPECTED)
async def test_a_real_file_goes_the_whole_road(samples: Path, road: Road, name: str) -> None:
    expected, content = EXPECTED[name], (samples / name).read_bytes()
    if not isinstance(expected, tuple):
        answer = await road.upload("items", Path(name).name, content)
        assert (answer.status_code, answer.headers["content-type"]) == (expected, "application/problem+json")
        return
    if name in AFTER_ITEMS:
        await road.imported("items", Path(ITEMS).name, (samples / ITEMS).read_bytes())
    ended = await road.imported(expected[0], Path(name).name, content)

    if len(expected) == 2:
        assert (ended["state"], ended["reason"]["code"]) == ("failed", expected[1])
        assert changed(ended["totals"]) == 0
        return
    accepted, rejected = expected[1:]
    assert ended["state"] == "done", ended
    assert sums_up(ended["totals"])
    assert ended["totals"]["rows"] == accepted + rejected
    assert ended["totals"]["rejected"] >= rejected
    if expected[0] == "items":
        assert ended["totals"]["rejected"] == rejected


async def test_the_items_of_a_planning_program_land_as_items(samples: Path, road: Road, tables: Any) -> None:
    content = (samples / ITEMS).read_bytes()
    await road.imported("items", "item.fcst.xlsx", content)
    again = await road.imported("items", "item.fcst.xlsx", content)

    assert (again["state"], again["totals"]["unchanged"], again["totals"]["rejected"]) == ("done", 7, 0)
    keys = [row["values"]["code"] for row in await road.rows(again["id"])]
    assert await tables.fetchval("SELECT count(*) FROM operations.items WHERE code = ANY($1)", keys) == 7
