"""The demo's judges object when an import claims what did not happen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from takt.demo.judge import Sheet, agree, read
from takt.demo.morning import Imported
from takt.errors import StackError
from takt_contracts.roles import Role
from tests.e2e.plant import code, planted
from tests.e2e.road import Road, workbook
from tests.e2e.stack import Stack

pytestmark = pytest.mark.broker
HEADER = ("Order no", "Operation no", "Workplace", "Item", "Desired quantity")
MORNING = Path(__file__).parents[2] / "examples" / "morning.xlsx"


@pytest.fixture(scope="module")
async def landed(door: httpx.AsyncClient, stack: Stack) -> tuple[Sheet, Imported]:
    """Two operations, the third of the file refused."""
    plant, order = await planted(door, stack), code("WO")
    road = Road(door, stack.headers(Role.PLANNER))
    rows = [(order, "0010", plant.workplace, plant.item, 5), (order, "0020", plant.workplace, plant.item, 5)]
    content = workbook(HEADER, [*rows, (order, "0030", "NOWHERE", plant.item, 5)])
    told = await road.imported("operations", "three.xlsx", content)
    keys = {number: (order, f"00{number - 1}0") for number in (2, 3, 4)}
    return Sheet(keys, frozenset({2})), Imported(told, tuple(await road.rows(told["id"], state="rejected")))


def asked(stack: Stack) -> dict[str, str]:
    return {"postgres": stack.superuser_url, "kafka": str(stack.status["kafka"])}


async def test_what_happened_is_agreed_upon(landed: tuple[Sheet, Imported], stack: Stack) -> None:
    sheet, told = landed

    verdict = await agree(sheet, told, **asked(stack))

    assert (verdict.in_file, verdict.in_table, verdict.in_log, verdict.order_no) == (3, 2, 2, sheet.rows[2][0])


@pytest.mark.parametrize(
    ("lie", "objection"),
    [
        ({"rows": 4}, "3 rows in the file"),
        ({"created": 3}, "2 operations of the file in the table"),
        ({"created": 1, "unchanged": 1}, "2 events of the import in the log"),
        ({"rejected": 0}, "1 rows in the file that were refused"),
    ],
)
async def test_a_wrong_total_is_told(
    landed: tuple[Sheet, Imported], stack: Stack, lie: dict[str, int], objection: str
) -> None:
    sheet, told = landed
    wrong: dict[str, Any] = {**told.told, "totals": {**told.totals, **lie}}

    with pytest.raises(StackError, match=objection):
        await agree(sheet, replace(told, told=wrong), **asked(stack))


async def test_events_of_other_rows_are_told(landed: tuple[Sheet, Imported], stack: Stack) -> None:
    sheet, told = landed
    swapped = replace(sheet, rows={**sheet.rows, 2: sheet.rows[3], 3: sheet.rows[2]})

    with pytest.raises(StackError, match="other operations than the file in rows"):
        await agree(swapped, told, **asked(stack))


def test_openpyxl_counts_what_a_person_would() -> None:
    sheet = read(MORNING)

    assert len(sheet.rows) == 2000
    assert sheet.rows[5] == ("WO-2001", "0010")
    assert len(sheet.begun) == 40
