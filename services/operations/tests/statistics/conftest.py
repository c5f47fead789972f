"""A plant with a little of everything, made over HTTP; what statistics say of it is counted anew by the tests."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from plantkit.ids import new_id

Do = Callable[..., Awaitable[dict[str, Any]]]
FAR = {"from": "2026-01-01", "to": "2027-12-31"}


@pytest.fixture(scope="module")
def do(client: httpx.AsyncClient) -> Do:
    """`await do("operations/WO-1/0010/start", **body)`."""

    async def post(path: str, **body: Any) -> dict[str, Any]:
        answer = await client.post(f"/api/v1/{path}", json=body, headers={"idempotency-key": str(new_id())})
        assert answer.status_code in (200, 201), answer.text
        made: dict[str, Any] = answer.json()
        return made

    return post


@pytest.fixture(scope="module")
async def plant(do: Do, client: httpx.AsyncClient) -> None:
    for code in ("WP-A", "WP-B"):
        await do("workplaces", code=code, name=f"Cell {code}")
    for code in ("IT-1", "IT-2"):
        await do("items", code=code, name=f"Item {code}")
    for code in ("HAM-1", "PRG-1"):
        await do("terminals", code=code, name=f"Terminal {code}")
    await do("machines", code="WELD-02", name="Welder 2")
    await _work(do)
    await _corrections(do, client)
    await _transport(do)
    await _workshop(do)


async def _work(do: Do) -> None:
    """Twelve operations: some finished, some running, some held, some cancelled; half of them due long ago."""
    for number in range(12):
        key = f"WO-{number}/0010"
        due = "2026-02-03T10:00:00Z" if number % 2 else "2027-02-03T10:00:00Z"
        place, item = f"WP-{'AB'[number % 2]}", f"IT-{1 + number % 3 % 2}"
        fields = {"workplace": place, "item": item, "qty_desired": "100", "due": due}
        await do("operations", order_no=f"WO-{number}", operation_no="0010", **fields)
        if number < 8:
            await do(f"operations/{key}/start", **({"machine": "WELD-02"} if number == 6 else {}))
            await do(f"operations/{key}/report", good=str(10 + number), scrap="2.5", reason=f"reason {number % 3}")
            await do(f"operations/{key}/report", good="1", rework="2")
        if number < 5:
            await do(f"operations/{key}/finish")
        if number == 5:
            await do(f"operations/{key}/hold", kind="own", reason="broken tool")
        if number > 9:
            await do(f"operations/{key}/cancel", reason="not needed")


async def _corrections(do: Do, client: httpx.AsyncClient) -> None:
    """One report had too much scrap, another none where there was some."""
    for number, at, scrap in ((6, 0, "1.5"), (7, 1, "4")):
        entries = (await client.get(f"/api/v1/operations/WO-{number}/0010/ledger")).json()["data"]
        wrong = {"entry_id": entries[at]["id"], "good": entries[at]["good"], "rework": entries[at]["rework"]}
        await do(f"operations/WO-{number}/0010/correct", **wrong, scrap=scrap, reason="counted again")


async def _transport(do: Do) -> None:
    for code in ("DR-1", "DR-2", "DR-3"):
        await do("drivers", code=code, name=code)
        await do("trucks", code=f"T{code}", name=code)
    for number in range(6):
        times = {"etd": f"2026-03-0{1 + number}T08:00:00Z", "outbound_arrival": f"2026-03-0{1 + number}T12:00:00Z"}
        load = {"pallets": number, "boxes": 2, "kilos": "100.5"}
        terminal = {"terminal": ("HAM-1", "PRG-1")[number % 2]} if number < 5 else {}
        await do("transport-orders", no=f"TO-{number}", **load, **times, **terminal)
        if number < 3:
            await do(f"transport-orders/TO-{number}/assign", driver=f"DR-{1 + number}", truck=f"TDR-{1 + number}")
            await do(f"transport-orders/TO-{number}/dispatch")
    for verb in ("depart", "arrive"):
        await do(f"transport-orders/TO-0/{verb}")
    await do("transport-orders/TO-0/deliver", received_by="Receiver 03", delivered_at="2026-03-01T13:00:00Z")
    await do("transport-orders/TO-4/cancel", reason="collected")
    await do("transport-orders", no="TO-LATER", pallets=7)


async def _workshop(do: Do) -> None:
    for number, result in enumerate(["ok", "ok", "rework", "scrap", "ok"]):
        times = {"performed_at": f"2026-03-0{1 + number}T23:30:00Z"} if number else {}
        await do("workshop-entries", no=f"WE-{number}", machine="WELD-02", result=result, **times)
