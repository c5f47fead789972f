"""An import that wants all rows or none waits for its last batch, and lands in one transaction."""

import pytest

from plantkit.ids import new_id

from .conftest import at, row, why

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("plant")]


def batches(imports, *parts):
    import_id = new_id()
    about = {"import_id": import_id, "batches": len(parts), "atomic": True}
    return [imports.batch("operations", part, batch=number, **about) for number, part in enumerate(parts, start=1)]


async def staged(database):
    async with database.connect() as connection:
        return await connection.fetchval("SELECT count(*) FROM import_staging")


async def test_nothing_lands_before_the_last_batch_is_there(imports, client, database):
    rows = [row() for _ in range(3)]
    first, second, last = batches(imports, *([one] for one in rows))
    assert await imports.deliver([first]) == []
    assert await imports.deliver([second]) == []
    assert ([(await client.get(at(one))).status_code for one in rows], await staged(database)) == ([404] * 3, 2)

    answers = await imports.deliver([last])

    assert [(answer.batch, answer.states) for answer in answers] == [(n, ("created",)) for n in (1, 2, 3)]
    assert ([(await client.get(at(one))).status_code for one in rows], await staged(database)) == ([200] * 3, 0)


async def test_one_refused_row_refuses_all(imports, client, database):
    there, idle = row(), row()
    await imports.send("operations", [there, idle])
    new = [row() for _ in range(2)]
    parts = batches(imports, [new[0], {**there, "qty_desired": "5"}], [row(item="NOTHING"), idle], [new[1]])

    answers = await imports.deliver(parts)

    assert [answer.states for answer in answers] == [("rejected",) * 2, ("rejected",) * 2, ("rejected",)]
    assert [why(answer) for answer in answers] == [
        [(2, "row.not-alone", None), (3, "row.not-alone", None)],
        [(2, "resource.unknown-reference", "item"), (3, "row.not-alone", None)],
        [(2, "row.not-alone", None)],
    ]
    assert [answer.versions for answer in answers] == [(0, 1), (0, 1), (0,)]
    assert [(await client.get(at(one))).status_code for one in new] == [404, 404]
    assert (await client.get(at(there))).json()["qty_desired"] == "100"
    assert await staged(database) == 0


async def test_a_plan_of_all_or_none_answers_each_batch_at_once(imports, database):
    about = {"import_id": new_id(), "batches": 2, "atomic": True, "phase": "plan"}
    [answer] = await imports.deliver([imports.batch("operations", [row()], **about)])
    assert (answer.states, await staged(database)) == (("created",), 0)
