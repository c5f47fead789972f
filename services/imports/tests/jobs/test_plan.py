"""What was looked at is what is done: plans, their rows, and commits that rest on them."""

import pytest

from imports.jobs.consumers import take_answers
from services.imports.tests.jobs.plant import Plant, applied, created, sheet, sums_up
from takt_contracts.imports.jobs import ImportState, RowState
from takt_contracts.imports.rows import Phase, RowBatch

pytestmark = pytest.mark.db
S, R = ImportState, RowState
PLANNED = [S.UPLOADED, S.PARSED, S.MAPPED, S.VALIDATED, S.PLANNED]


def planning(batch: RowBatch) -> tuple[list[RowState], list[int]]:
    """Row 2 is new, row 3 would change version 7, row 4 is the same at 5, row 5 cannot be taken; and so on."""
    kinds = [(R.CREATED, 0), (R.UPDATED, 7), (R.UNCHANGED, 5), (R.REJECTED, 0)]
    found = [kinds[(int(str(row[0])) - 2) % 4] for row in batch.rows]
    return [state for state, _ in found], [version for _, version in found]


def drifted(batch: RowBatch) -> tuple[list[RowState], list[int]]:
    """What the plan called a change has been changed by somebody else meanwhile."""
    assert batch.bases is not None
    states = [R.STALE if base == 7 else R.UNCHANGED if base == 5 else R.CREATED for base in batch.bases]
    return states, [8 if state is R.STALE else 5 if state is R.UNCHANGED else 1 for state in states]


async def test_a_plan_says_what_would_happen_and_stops(plant: Plant):
    import_id = await plant.imported(sheet(4, 3, rejected=[8]), planning, mode="plan")

    found = await plant.read(import_id)
    assert await plant.trace(import_id) == PLANNED
    assert found["totals"] | {"rows": 7, "created": 2, "updated": 2, "unchanged": 1, "rejected": 2} == found["totals"]
    assert {one.state.phase for one in await plant.sent(import_id)} == {Phase.PLAN}
    plan = await plant.read(import_id, "/plan")
    assert [row["state"] for row in plan["data"]] == [
        "created", "updated", "unchanged", "rejected", "created", "updated", "rejected",
    ]  # fmt: skip
    assert plan["data"][1]["changes"] == [{"field": "name", "before": "Before", "after": "Item 3"}]
    assert (plan["data"][1]["version"], plan["data"][0]["changes"]) == (7, [])
    assert [row["errors"][0]["code"] for row in plan["data"] if row["errors"]] == [
        "reference.unknown", "cell.required",
    ]  # fmt: skip
    assert plan["totals"] == found["totals"]


async def test_a_commit_rests_on_the_versions_of_the_plan(plant: Plant):
    import_id = await plant.imported(sheet(4, 4), planning, mode="plan")
    plan = await plant.read(import_id, "/plan")

    ordered = await plant.order(import_id, "commit", {"plan": plan["hash"]})
    await plant.answer_all(import_id, drifted)

    assert (ordered.status_code, ordered.json()["state"]) == (200, "committing")
    committed = [one.state for one in await plant.sent(import_id) if one.state.phase is Phase.COMMIT]
    assert [batch.bases for batch in committed] == [(0, 7, 5), (0, 7, 5)]
    assert [row[0] for batch in committed for row in batch.rows] == [2, 3, 4, 6, 7, 8]
    found = await plant.read(import_id)
    assert await plant.trace(import_id) == [*PLANNED, S.COMMITTING, S.DONE]
    assert found["totals"] | {"rows": 8, "created": 2, "stale": 2, "unchanged": 2, "rejected": 2} == found["totals"]
    rows = (await plant.read(import_id, "/rows"))["data"]
    assert [row["state"] for row in rows][:4] == ["created", "stale", "unchanged", "rejected"]
    assert [row["version"] for row in rows][:4] == [1, 8, 5, 0]
    assert rows[3]["errors"][0]["code"] == "reference.unknown"
    assert [row["row"] for row in (await plant.read(import_id, "/rows", state="stale"))["data"]] == [3, 7]
    assert [row["state"] for row in (await plant.read(import_id, "/plan"))["data"]][:2] == ["created", "updated"]


async def test_batches_of_which_the_plan_rejected_every_row_are_not_sent_again(plant: Plant):
    def nothing_but(batch: RowBatch) -> tuple[list[RowState], list[int]]:
        state = R.REJECTED if batch.batch != 2 else R.CREATED
        return [state] * len(batch.rows), [0] * len(batch.rows)

    import_id = await plant.imported(sheet(2, 2, 2), nothing_but, mode="plan")
    await plant.order(import_id, "commit")
    await plant.answer_all(import_id)

    assert [one.state.batch for one in await plant.sent(import_id)] == [1, 2, 3, 2]
    found = await plant.read(import_id)
    assert (found["state"], found["totals"]["created"], found["totals"]["rejected"]) == ("done", 2, 4)
    rows = (await plant.read(import_id, "/rows"))["data"]
    assert [row["state"] for row in rows] == ["rejected"] * 2 + ["created"] * 2 + ["rejected"] * 2


async def test_a_plan_that_rejects_everything_is_committed_without_a_word(plant: Plant):
    def nothing(batch: RowBatch) -> tuple[list[RowState], list[int]]:
        return [R.REJECTED] * len(batch.rows), [0] * len(batch.rows)

    import_id = await plant.imported(sheet(3), nothing, mode="plan")
    ordered = await plant.order(import_id, "commit")
    assert (ordered.json()["state"], ordered.json()["totals"]["rejected"]) == ("done", 3)
    assert len(await plant.sent(import_id)) == 1


async def test_a_plan_of_nothing_valid_is_committed_without_a_word(plant: Plant):
    import_id = await plant.imported(sheet(2, rejected=[2, 3]), mode="plan")
    assert (await plant.read(import_id))["state"] == "planned"
    assert (await plant.order(import_id, "commit")).json()["state"] == "done"
    assert await plant.sent(import_id) == []


async def test_a_second_commit_is_refused_and_a_repeated_one_is_answered(plant: Plant):
    import_id = await plant.imported(sheet(2), mode="plan")
    key = {"idempotency-key": f"commit-{import_id}"}
    first = await plant.order(import_id, "commit", {}, key)
    again = await plant.order(import_id, "commit", {}, key)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (200, first.content, "true")

    other = await plant.order(import_id, "commit", {})
    assert (other.status_code, other.json()["code"]) == (409, "import.illegal-transition")
    assert len([one for one in await plant.sent(import_id) if one.state.phase is Phase.COMMIT]) == 1


async def test_another_plan_is_not_committed(plant: Plant):
    import_id = await plant.imported(sheet(2), mode="plan")
    answer = await plant.order(import_id, "commit", {"plan": "0" * 64})
    assert (answer.status_code, answer.json()["code"]) == (409, "import.plan-changed")
    assert (await plant.read(import_id))["state"] == "planned"


async def test_the_same_plan_has_the_same_hash_and_another_one_another(plant: Plant):
    hashes = []
    for size in (2, 2, 3):
        import_id = await plant.imported(sheet(size), mode="plan")
        hashes.append((await plant.read(import_id, "/plan"))["hash"])
    assert hashes[0] == hashes[1] != hashes[2]


async def test_late_answers_to_the_plan_say_nothing_about_the_commit(plant: Plant):
    import_id = await plant.imported(sheet(2, 2), mode="plan")
    planned = await plant.sent(import_id)
    await plant.order(import_id, "commit")
    await plant.deliver(take_answers, *(applied(one) for one in planned))
    found = await plant.read(import_id)
    assert (found["state"], found["totals"]["created"]) == ("committing", 0)
    await plant.answer_all(import_id)
    assert (await plant.read(import_id))["state"] == "done"


async def test_an_answer_that_does_not_fit_is_refused(plant: Plant):
    from imports.jobs.errors import AnswerDoesNotFit

    import_id = await plant.upload(sheet(3))
    await plant.work()
    [ready] = await plant.sent(import_id)
    for wrong in ({"states": ["created"], "versions": [1]}, {"versions": [1, 1]}, {"batch": 2}):
        with pytest.raises(AnswerDoesNotFit):
            await plant.deliver(take_answers, applied(ready, created, **wrong))
    await plant.answer_all(import_id)
    assert sums_up((await plant.read(import_id))["totals"])


class TestAtomic:
    """All rows or none."""

    async def test_one_wrong_cell_and_nothing_is_sent(self, plant: Plant):
        import_id = await plant.imported(sheet(5, rejected=[4]), atomic=True)
        found = await plant.read(import_id)
        assert (found["state"], found["reason"]["code"]) == ("failed", "rows.rejected")
        assert found["totals"] | {"rows": 5, "rejected": 5} == found["totals"]
        assert await plant.sent(import_id) == []
        codes = [row["errors"][0]["code"] for row in (await plant.read(import_id, "/rows"))["data"]]
        assert codes == ["row.not-taken", "row.not-taken", "cell.required", "row.not-taken", "row.not-taken"]

    async def test_all_batches_are_sent_before_the_first_is_answered(self, plant: Plant):
        import_id = await plant.upload(sheet(*[1] * 30), atomic=True)
        await plant.work()
        assert [one.state.batch for one in await plant.sent(import_id)] == list(range(1, 31))
        assert all(one.state.atomic for one in await plant.sent(import_id))
        await plant.answer_all(import_id)
        assert (await plant.read(import_id))["totals"]["created"] == 30

    async def test_a_plan_that_rejects_a_row_fails(self, plant: Plant):
        import_id = await plant.imported(sheet(4), planning, mode="plan", atomic=True)
        found = await plant.read(import_id)
        assert (found["state"], found["reason"]["code"]) == ("failed", "rows.rejected")

    async def test_a_committed_plan_is_sent_whole_by_the_worker(self, plant: Plant):
        import_id = await plant.imported(sheet(*[1] * 20), mode="plan", atomic=True)
        assert (await plant.order(import_id, "commit")).json()["state"] == "committing"
        await plant.work()
        commits = [one.state.batch for one in await plant.sent(import_id) if one.state.phase is Phase.COMMIT]
        assert commits == list(range(1, 21))
        await plant.answer_all(import_id)
        assert (await plant.read(import_id))["state"] == "done"

    async def test_what_the_owner_refuses_fails_as_a_whole(self, plant: Plant):
        def none(batch: RowBatch) -> tuple[list[RowState], list[int]]:
            return [R.REJECTED] * len(batch.rows), [0] * len(batch.rows)

        import_id = await plant.imported(sheet(2, 2), none, atomic=True)
        found = await plant.read(import_id)
        assert (found["state"], found["reason"]["code"], found["totals"]["rejected"]) == ("failed", "rows.rejected", 4)

    async def test_cancelled_before_all_is_sent_it_is_cancelled_at_once(self, plant: Plant):
        import_id = await plant.imported(sheet(*[1] * 20), mode="plan", atomic=True)
        await plant.order(import_id, "commit")
        cancelled = await plant.order(import_id, "cancel")
        assert (cancelled.json()["state"], cancelled.json()["totals"]["rejected"]) == ("cancelled", 20)
        assert await plant.work() == 0
