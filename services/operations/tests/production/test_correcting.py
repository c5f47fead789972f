"""A wrong report is declared and restated; it never changes."""

import asyncio
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from plantkit.testing.database import TestDatabase
from plantkit.testing.watch import nothing_written
from takt_contracts.operations.production import OperationCorrected

from .conftest import Act, at

BOOK_A_CORRECTION = """
WITH o AS (
    UPDATE operations SET entries = entries + 1, qty_rework = qty_rework + 1 WHERE order_no = '{order_no}'
    RETURNING id, entries
)
INSERT INTO ledger_entries
    (id, operation_id, entry_no, kind, good, scrap, rework, good_total, scrap_total, rework_total, booked_by,
     created_at, reason, corrects)
SELECT gen_random_uuid(), o.id, o.entries, 'correction', 0, 0, 1, l.good_total, l.scrap_total, l.rework_total + 1, 'x',
       now(), 'x', {corrects}
FROM o JOIN ledger_entries l ON l.operation_id = o.id AND l.entry_no = 3
"""


async def ledger_of(client: httpx.AsyncClient, operation: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(at(operation, "/ledger"))).json()["data"]
    return found


async def test_a_correction_restates_and_leaves_the_wrong_entry_as_it_is(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient, published: Any
) -> None:
    await act(started, "report", good="50", scrap="2", reason="porosity")
    [wrong] = await ledger_of(client, started)

    answer = await act(started, "correct", entry_id=wrong["id"], good="45", scrap="3", rework="1", reason="recounted")

    assert answer.status_code == 200, answer.text
    read = answer.json()
    assert [read[f"qty_{name}"] for name in ("processed", "good", "scrap", "rework")] == ["48", "45", "3", "1"]
    before, correction = await ledger_of(client, started)
    assert before == wrong
    said = {"kind": "correction", "good": "-5", "scrap": "1", "rework": "1", "reason": "recounted"}
    assert correction.items() >= {**said, "corrects": wrong["id"]}.items()
    event = next(e for e in await published(OperationCorrected) if e.state.order_no == started["order_no"])
    assert (event.entry.good, event.wrong.good, event.reason) == (-5, 50, "recounted")
    assert (event.state.qty_good, event.version) == (45, read["version"])


async def test_its_event_names_the_event_that_was_wrong(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient
) -> None:
    await act(started, "report", good="1")
    await act(started, "report", good="2")
    _, wrong = await ledger_of(client, started)

    await act(started, "correct", entry_id=wrong["id"], good="3", reason="recounted")

    events = (await client.get(at(started, "/events"))).json()["data"]
    assert [event["type"].split(".")[3] for event in events][-2:] == ["reported", "corrected"]
    assert events[-1]["causationid"] == events[-2]["id"]


async def test_what_is_finished_or_cancelled_is_corrected_and_stays_so(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient
) -> None:
    await act(started, "report", good="50")
    await act(started, "finish")
    [wrong] = await ledger_of(client, started)

    answer = await act(started, "correct", entry_id=wrong["id"], reason="not ours")

    assert (answer.status_code, answer.json()["status"], answer.json()["qty_processed"]) == (200, "FINISHED", "0")


@pytest.mark.parametrize(
    ("which", "body", "status", "code", "pointer"),
    [
        ("none", {"good": "1"}, 422, "operation.unknown-entry", "/entry_id"),
        ("correction", {"good": "1"}, 422, "operation.correction-of-correction", "/entry_id"),
        ("corrected", {"good": "1"}, 409, "operation.already-corrected", "/entry_id"),
        ("other", {"good": "7"}, 422, "operation.nothing-to-correct", "/entry_id"),
        ("other", {"good": "96"}, 409, "operation.over-desired", "/good"),
        ("other", {"good": "7", "scrap": "89"}, 409, "operation.over-desired", "/scrap"),
        ("other", {"good": "-1"}, 422, "request.invalid", "/good"),
        ("other", {"good": "0.0000001"}, 422, "request.invalid", "/good"),
        ("other", {"good": "1", "reason": None}, 422, "request.invalid", "/reason"),
        ("nonsense", {"good": "1"}, 422, "request.invalid", "/entry_id"),
    ],
)
async def test_a_refused_correction_changes_nothing(
    started: dict[str, Any],
    act: Act,
    client: httpx.AsyncClient,
    database: TestDatabase,
    which: str,
    body: dict[str, Any],
    status: int,
    code: str,
    pointer: str,
) -> None:
    await act(started, "report", good="10")
    await act(started, "report", good="7")
    wrong, other = await ledger_of(client, started)
    await act(started, "correct", entry_id=wrong["id"], good="5", reason="recounted")
    *_, correction = await ledger_of(client, started)
    ids = {"none": str(uuid4()), "correction": correction["id"], "corrected": wrong["id"], "other": other["id"]}

    async with nothing_written(database, "ledger_entries", told=code):
        answer = await act(started, "correct", **{"entry_id": ids.get(which, which), "reason": "again", **body})

    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_of_twenty_corrections_of_one_entry_one_is_booked(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient
) -> None:
    await act(started, "report", good="50")
    [wrong] = await ledger_of(client, started)

    answers = await asyncio.gather(
        *(act(started, "correct", entry_id=wrong["id"], good=f"{n}", reason="recounted") for n in range(20))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 19
    assert {a.json()["code"] for a in answers if a.status_code == 409} == {"operation.already-corrected"}
    assert len(await ledger_of(client, started)) == 2


@pytest.mark.parametrize("corrects", ["l.id", "l.corrects", "gen_random_uuid()", "NULL"])
async def test_the_database_refuses_a_correction_that_no_rule_allows(
    started: dict[str, Any], act: Act, client: httpx.AsyncClient, database: TestDatabase, corrects: str
) -> None:
    """Of a correction, of a corrected entry, of none, of nothing."""
    await act(started, "report", good="5")
    await act(started, "report", good="6")
    wrong, other = await ledger_of(client, started)
    await act(started, "correct", entry_id=wrong["id"], good="4", reason="recounted")

    async with database.connect("app") as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute(BOOK_A_CORRECTION.format(order_no=started["order_no"], corrects=corrects))
        taken = BOOK_A_CORRECTION.format(order_no=started["order_no"], corrects=f"'{other['id']}'::uuid")
        assert await connection.execute(taken) == "INSERT 0 1", "the statement itself is right"
