"""A workbook becomes facts in the plant's log: through the gateway, the log and every service, and nothing else."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.e2e.kafka_log import all_records
from tests.e2e.plant import API, Plant, code, keyed, planted
from tests.e2e.road import Road, changed, saved_again, sums_up, workbook
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.broker
TOPIC = "takt.operations.operation"
HEADER = ("Order no", "Op", "Work center", "Material", "Quantity", "Due date", "Remarks")


@pytest.fixture(scope="module")
async def plant(door: httpx.AsyncClient, stack: Stack) -> Plant:
    return await planted(door, stack)


def operations(plant: Plant, order: str, count: int = 30) -> list[tuple[Any, ...]]:
    return [
        (order, f"{number:04d}", plant.workplace, plant.item, 10 + number, f"2026-04-{1 + number % 28:02d}", "as usual")
        for number in range(1, count + 1)
    ]


async def facts(stack: Stack, order: str) -> list[dict[str, Any]]:
    """Every event of the order's operations, as a consumer finds them that knows nothing of Takt."""
    found = await all_records(stack.status["kafka"], TOPIC)
    mine = [one for one in found if one.key.decode().startswith(f"{order}/")]
    return [{"key": one.key.decode(), **{name: value.decode() for name, value in one.headers}} for one in mine]


async def told(stack: Stack, order: str, count: int) -> list[dict[str, Any]]:
    """The facts as soon as there are `count` of them; and half a second later there are no more."""

    async def arrived() -> bool:
        return len(await facts(stack, order)) >= count

    await until(arrived, 20)
    await asyncio.sleep(0.5)
    return await facts(stack, order)


async def test_a_workbook_becomes_facts_that_lead_back_to_its_rows(plant: Plant, road: Road, stack: Stack) -> None:
    order = code("WO")
    done = await road.imported("operations", "morning.xlsx", workbook(HEADER, operations(plant, order)))

    assert (done["state"], done["reason"]) == ("done", None)
    assert sums_up(done["totals"])
    assert done["totals"]["created"] == done["totals"]["rows"] == 30
    events = await told(stack, order, 30)
    assert len(events) == 30
    assert {event["ce_type"] for event in events} == {f"{TOPIC}.created.v1"}
    assert {event["ce_correlationid"] for event in events} == {done["id"]}
    rows = {f"{row['values']['order_no']}/{row['values']['operation_no']}": row for row in await road.rows(done["id"])}
    assert {event["key"]: event["ce_causationid"] for event in events} == {
        key: f"imports/{done['id']}/rows/{row['row']}" for key, row in rows.items()
    }


async def test_the_same_again_is_silence(plant: Plant, road: Road, stack: Stack) -> None:
    order = code("WO")
    rows = operations(plant, order)
    book = workbook(HEADER, rows)
    first = await road.imported("operations", "morning.xlsx", book)
    assert first["totals"]["created"] == 30, first

    same_bytes = await road.imported("operations", "morning.xlsx", book)
    same_rows = await road.imported("operations", "another name.xlsx", saved_again(HEADER, rows))
    assert [changed(one["totals"]) for one in (same_bytes, same_rows)] == [0, 0]
    assert [one["totals"]["unchanged"] for one in (same_bytes, same_rows)] == [30, 30]
    assert len(await told(stack, order, 30)) == 30

    by_hand = await road.client.patch(
        f"{API}/operations/{order}/0007", json={"qty_desired": "999"}, headers={**plant.planner, "if-match": '"1"'}
    )
    assert by_hand.status_code == 200, by_hand.text
    after_edit = await road.imported("operations", "morning.xlsx", book)
    assert (changed(after_edit["totals"]), after_edit["totals"]["updated"]) == (1, 1)
    events = await told(stack, order, 32)
    assert len(events) == 32
    assert [event["key"] for event in events if event["ce_sequence"] == "000000000003"] == [f"{order}/0007"]


async def test_what_was_previewed_is_what_commits(plant: Plant, road: Road, stack: Stack) -> None:
    order = code("WO")
    rows = operations(plant, order, 10)
    await road.imported("operations", "before.xlsx", workbook(HEADER, rows))
    wanted = [(*row[:4], row[4] + 5, *row[5:]) for row in rows]

    plan = await road.planned("operations", "after.xlsx", workbook(HEADER, wanted))
    assert plan["state"] == "planned"
    assert plan["totals"]["updated"] == 10
    assert len(await told(stack, order, 10)) == 10, "a plan changes nothing"
    drifted = ("0003", "0008")
    for number in drifted:
        answer = await road.client.patch(
            f"{API}/operations/{order}/{number}",
            json={"qty_desired": "777"},
            headers={**plant.planner, "if-match": '"1"'},
        )
        assert answer.status_code == 200, answer.text
    committed = await road.act("commit", plan["id"])
    assert committed.status_code in (200, 202), committed.text
    done = await road.settled(f"{API}/imports/{plan['id']}", ("done", "failed"))

    assert (done["totals"]["updated"], done["totals"]["stale"]) == (8, 2)
    assert sums_up(done["totals"])
    for number in drifted:
        operation = await road.client.get(f"{API}/operations/{order}/{number}", headers=plant.planner)
        assert operation.json()["qty_desired"] == "777"


async def test_progress_never_goes_back(plant: Plant, road: Road) -> None:
    order = code("WO")
    answer = await road.upload(
        "operations", "many.xlsx", workbook(HEADER, operations(plant, order, 4000)), mode="commit"
    )
    assert answer.status_code == 202, answer.text
    seen: list[dict[str, Any]] = []
    stream = f"{answer.headers['location']}/stream"
    async with asyncio.timeout(60), road.client.stream("GET", stream, headers=road.headers) as lines:
        assert lines.status_code == 200
        async for line in lines.aiter_lines():
            if line.startswith("data:"):
                seen.append(json.loads(line.removeprefix("data:")))

    order_of = ["uploaded", "parsed", "mapped", "validated", "planned", "committing", "done"]
    states = [order_of.index(one["state"]) for one in seen]
    assert states == sorted(states)
    assert order_of[states[-1]] == "done"
    for name in ("read", "validated", "sent", "answered"):
        counts = [one[name] for one in seen]
        assert counts == sorted(counts), name
    assert seen[-1]["totals"]["created"] == 4000


async def test_wrong_cells_are_named_and_the_rest_lands(plant: Plant, road: Road) -> None:
    order = code("WO")
    rows = [list(row) for row in operations(plant, order, 8)]
    rows[1][4] = "a dozen"
    rows[2][2] = "NOWHERE"
    rows[3][4] = -3
    rows[4][3] = None
    rows[6] = list(rows[5])  # the key of the row before
    done = await road.imported("operations", "wrong.xlsx", workbook(HEADER, rows))

    assert done["state"] == "done"
    assert (done["totals"]["created"], done["totals"]["rejected"]) == (3, 5)
    assert sums_up(done["totals"])
    rejected = {row["row"]: row["errors"] for row in await road.rows(done["id"], state="rejected")}
    assert sorted(rejected) == [3, 4, 5, 6, 8]
    first = {row: errors[0] for row, errors in rejected.items()}
    assert (first[3]["letter"], first[3]["header"], first[3]["value"]) == ("E", "Quantity", "a dozen")
    assert (first[4]["letter"], first[4]["field"]) == ("C", "workplace")
    assert (first[5]["letter"], first[6]["letter"]) == ("E", "D")
    assert first[8]["code"] == "row.duplicate-key"
    for error in first.values():
        assert error["code"]
        assert error["expected"] or error["hint"]


async def test_all_or_nothing_applies_nothing_when_a_row_is_wrong(plant: Plant, road: Road, stack: Stack) -> None:
    order = code("WO")
    rows = [list(row) for row in operations(plant, order, 700)]
    rows[650][2] = "NOWHERE"
    refused = await road.imported("operations", "atomic.xlsx", workbook(HEADER, rows), atomic="true")

    assert changed(refused["totals"]) == 0
    assert sums_up(refused["totals"])
    assert await facts(stack, order) == []
    rows[650][2] = plant.workplace
    done = await road.imported("operations", "atomic.xlsx", workbook(HEADER, rows), atomic="true")
    assert (done["state"], done["totals"]["created"]) == ("done", 700)
    assert len(await told(stack, order, 700)) == 700


async def test_the_card_shows_where_it_came_from(plant: Plant, road: Road) -> None:
    order = code("WO")
    done = await road.imported("operations", "card.xlsx", workbook(HEADER, operations(plant, order, 3)))
    report = await road.client.post(
        f"{API}/operations/{order}/0001/start",
        json={},
        headers=keyed(plant.planner) | {"idempotency-key": str(uuid4())},
    )
    assert report.status_code in (200, 403), report.text

    async with asyncio.timeout(30):
        while True:
            card = (await road.client.get(f"{API}/orders/{order}/card", headers=road.headers)).json()
            sections = card.get("sections", card)
            if sections.get("imports", {}).get("data") and len(sections["operations"]["data"]) == 3:
                break
            await asyncio.sleep(0.05)
    assert [one["operation_no"] for one in sections["operations"]["data"]] == ["0001", "0002", "0003"]
    assert [one["id"] for one in sections["imports"]["data"]] == [done["id"]]
    for section in sections.values():
        if isinstance(section, dict) and "data" in section:
            assert section["stale"] is False
            assert section["as_of"]
