"""From the file in the inbox to the last answer: states, totals, what is sent, and what comes twice or late."""

import random
from typing import Any

import pytest

from imports.jobs.consumers import receive_files, take_answers
from imports.jobs.sending import WINDOW
from services.imports.tests.jobs.plant import Plant, applied, sheet, sums_up
from takt_contracts.imports.jobs import ImportState, RowState
from takt_contracts.imports.rows import MOST_ROWS, Phase, RowBatch

pytestmark = pytest.mark.db
S = ImportState
THROUGH = [S.UPLOADED, S.PARSED, S.MAPPED, S.VALIDATED, S.PLANNED, S.COMMITTING]


def mixed(batch: RowBatch) -> tuple[list[RowState], list[int]]:
    """An owner that refuses every third row and has every fifth already."""
    states = [
        RowState.REJECTED if row[0] % 3 == 0 else RowState.UPDATED if row[0] % 5 == 0 else RowState.CREATED  # type: ignore[operator]  # numbers
        for row in batch.rows
    ]
    return states, [{RowState.REJECTED: 0, RowState.UPDATED: 4}.get(state, 1) for state in states]


async def test_a_file_is_read_sent_and_answered(plant: Plant):
    import_id = await plant.imported(sheet(500, 500, 3))

    found = await plant.read(import_id)
    assert (found["state"], found["totals"]["rows"], found["totals"]["created"]) == ("done", 1003, 1003)
    assert (found["sheet"], found["header_row"], found["target"]) == ("Orders", 1, "items")
    assert [column["field"] for column in found["mapping"]] == ["code", "name"]
    assert await plant.trace(import_id) == [*THROUGH, S.DONE]


async def test_a_batch_tells_its_owner_all_it_needs(plant: Plant):
    import_id = await plant.imported(sheet(2, 1))

    first, second = [one.state for one in await plant.sent(import_id)]
    assert (first.owner, first.target, first.phase, first.uploaded_by) == (
        "operations", "items", Phase.COMMIT, "planner-1",
    )  # fmt: skip
    assert (first.batch, second.batch, first.batches, first.bases) == (1, 2, 2, None)
    assert first.columns == ("code", "name")
    assert first.rows == ((2, "IT-2", "Item 2"), (3, "IT-3", "Item 3"))
    assert all(len(one.state.rows) <= MOST_ROWS for one in await plant.sent(import_id))


async def test_nothing_is_sent_before_the_last_row_was_read(plant: Plant):
    refused = sheet(500)
    refused["batches"].append({"refused": ["parser.died", "The reader died."]})
    import_id = await plant.imported(refused)

    found = await plant.read(import_id)
    assert (found["state"], found["reason"]["code"]) == ("failed", "parser.died")
    assert found["totals"] | {"rows": 500, "rejected": 500} == found["totals"]
    assert await plant.sent(import_id) == []
    [row] = (await plant.read(import_id, "/rows", limit=1))["data"]
    assert (row["state"], row["errors"][0]["code"]) == ("rejected", "row.not-taken")


async def test_only_a_window_of_batches_is_on_its_way(plant: Plant):
    import_id = await plant.upload(sheet(*[1] * 20))
    await plant.work()
    assert len(await plant.sent(import_id)) == WINDOW

    first, *_ = await plant.sent(import_id)
    await plant.deliver(take_answers, applied(first))

    assert len(await plant.sent(import_id)) == WINDOW + 1
    assert (await plant.read(import_id))["state"] == "committing"


async def test_answers_twice_and_out_of_order_are_counted_once(plant: Plant):
    import_id = await plant.upload(sheet(*[3] * 6))
    await plant.work()
    answers = [applied(one, mixed) for one in await plant.sent(import_id)]
    for answer in [*reversed(answers[1:]), *answers[2:4]]:
        await plant.deliver(take_answers, answer)
    assert (await plant.read(import_id))["state"] == "committing"

    await plant.deliver(take_answers, *answers, *answers)

    found = await plant.read(import_id)
    assert (found["state"], found["totals"]["rows"], sums_up(found["totals"])) == ("done", 18, True)
    rejected = [row for row in range(2, 20) if row % 3 == 0]
    assert found["totals"]["rejected"] == len(rejected)
    listed = (await plant.read(import_id, "/rows", state="rejected"))["data"]
    assert [row["row"] for row in listed] == rejected
    assert {row["errors"][0]["code"] for row in listed} == {"reference.unknown"}
    assert (listed[0]["errors"][0]["letter"], listed[0]["errors"][0]["value"]) == ("A", "IT-3")


async def test_rows_that_are_not_valid_stay_behind_and_are_counted(plant: Plant):
    import_id = await plant.imported(sheet(4, 2, 3, rejected=[3, 6, 7, 10]))

    found = await plant.read(import_id)
    assert found["totals"] | {"rows": 9, "created": 5, "rejected": 4} == found["totals"]
    assert [len(one.state.rows) for one in await plant.sent(import_id)] == [3, 2]
    assert [one.state.batches for one in await plant.sent(import_id)] == [2, 2]
    rows = (await plant.read(import_id, "/rows"))["data"]
    assert [row["row"] for row in rows] == list(range(2, 11))
    assert rows[1]["state"] == "rejected"
    assert rows[1]["errors"] == [
        {
            "row": 3, "column": 2, "letter": "B", "header": "Name", "field": "name", "value": None,
            "expected": "a name", "code": "cell.required", "hint": "Write one.",
        }
    ]  # fmt: skip


async def test_a_file_without_a_valid_row_is_done_without_a_word_to_anyone(plant: Plant):
    import_id = await plant.imported(sheet(3, rejected=[2, 3, 4]))
    assert (await plant.read(import_id))["totals"] | {"rows": 3, "rejected": 3} == (await plant.read(import_id))[
        "totals"
    ]
    assert await plant.trace(import_id) == [*THROUGH, S.DONE]
    assert await plant.sent(import_id) == []


async def test_the_same_event_again_is_one_import(plant: Plant):
    file = await plant.file(sheet(2))
    await plant.deliver(receive_files, file)
    await plant.deliver(receive_files, file, file)
    await plant.work()
    await plant.answer_all(file.state.id)
    assert await plant.trace(file.state.id) == [*THROUGH, S.DONE]


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_comes_in_whatever_order_every_row_is_counted_once(plant: Plant, seed: int):
    """Answers in any order, repeated, in batches of any size, and an order of a person somewhere between."""
    chance = random.Random(seed)
    mode = chance.choice(["plan", "commit"])
    sizes = [chance.randrange(1, 6) for _ in range(chance.randrange(1, 25))]
    wrong = chance.sample(range(2, 2 + sum(sizes)), k=min(3, sum(sizes)))
    import_id = await plant.upload(sheet(*sizes, rejected=wrong), mode=mode)
    await plant.work()
    cancel_after = chance.choice([None, chance.randrange(1, 20)])
    found = await plant.read(import_id)
    for step in range(400):
        if found["state"] in ("done", "cancelled"):
            break
        if step == cancel_after:
            assert (await plant.order(import_id, "cancel")).status_code == 200
        elif found["state"] == "planned":
            assert (await plant.order(import_id, "commit", {})).status_code == 200
        else:
            sent = await plant.sent(import_id)
            some = chance.choices(sent, k=chance.randrange(1, 6))
            await plant.deliver(take_answers, *(applied(one, mixed) for one in some))
        found = await plant.read(import_id)
    totals = found["totals"]
    assert found["state"] in ("done", "cancelled")
    assert sums_up(totals)
    assert totals["rows"] == sum(sizes)
    await shows_the_same(plant, import_id, totals)


async def shows_the_same(plant: Plant, import_id: Any, totals: dict[str, int]) -> None:
    """The rows one by one give the same totals, whole and by state, page by page."""
    rows, cursor = [], None
    while True:
        query = {"limit": 7} | ({} if cursor is None else {"cursor": cursor})
        page = await plant.read(import_id, "/rows", **query)
        rows += page["data"]
        cursor = page["page"]["next"]
        if cursor is None:
            break
    assert [row["row"] for row in rows] == list(range(2, 2 + totals["rows"]))
    for state in RowState:
        shown = [row["row"] for row in rows if row["state"] == state]
        assert len(shown) == totals[state]
        assert [row["row"] for row in (await plant.read(import_id, "/rows", state=state))["data"]] == shown
