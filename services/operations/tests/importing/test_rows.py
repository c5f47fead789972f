"""Rows of an import become operations, each for itself; what cannot be is refused by cell."""

from collections import Counter

import orjson
import pytest

from plantkit.ids import new_id
from plantkit.testing.watch import audit_entries
from takt_contracts.operations.production import OperationCreated, OperationUpdated
from takt_contracts.roles import Role

from .conftest import at, row, why

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("plant")]


async def told(database, one):
    """Types and headers of the facts about an operation."""
    async with database.connect() as connection:
        found = await connection.fetch(
            "SELECT type, headers, payload FROM outbox WHERE aggregatetype = 'operation' AND aggregateid = $1"
            " ORDER BY version",
            f"{one['order_no']}/{one['operation_no']}",
        )
    return [(one["type"].split(".")[-2], orjson.loads(one["headers"]), one["payload"]) for one in found]


async def test_each_row_is_one_fact_that_names_the_row_that_made_it_happen(imports, client, database):
    one, other, import_id = row(due="2026-03-02T06:30:00Z"), row(), new_id()

    result = await imports.send("operations", [one, other], import_id=import_id)

    assert (result.states, result.versions, result.refusals) == (("created", "created"), (1, 1), ())
    read = (await client.get(at(one))).json()
    assert read.items() >= {**one, "status": "RELEASED", "version": 1}.items()
    [(fact, headers, payload)] = await told(database, one)
    assert (fact, orjson.loads(payload)["state"]) == ("created", read)
    assert OperationCreated.model_validate_json(payload).model_dump_json() == payload
    cause = {"ce_causationid": f"imports/{import_id}/rows/2", "ce_correlationid": str(import_id)}
    assert headers.items() >= {**cause, "ce_authtype": "app_user", "ce_authid": "planner-1"}.items()


async def test_a_batch_is_one_entry_of_the_audit_trail(imports, database):
    import_id = new_id()
    await imports.send("operations", [row(), row(), row(workplace="NOWHERE")], import_id=import_id)
    entry = (await audit_entries(database))[-1]
    assert (entry["action"], entry["resource"], entry["subject"]) == (
        "operations.import.applied",
        "operations",
        str(import_id),
    )
    assert (entry["actor"], entry["outcome"]) == ({"kind": "user", "id": "planner-1"}, "changed")
    assert entry["changes"] == {"batch": 1, "created": 2, "rejected": 1}


async def test_bad_cells_are_refused_by_field_and_their_neighbours_land(imports, client):
    good = row()
    rows = [
        good,
        row(workplace="NOWHERE", item="NOTHING"),
        row(qty_desired="1e3"),
        row(planned_start="2026-03-02", order_no=" X"),
        row(qty_desired="0"),
        row(planned_start="2026-03-03T00:00:00Z", planned_end="2026-03-02T00:00:00Z"),
        row(workplace=None, item=None),
        row(order_no=None),
        row(qty_desired=True),
    ]

    result = await imports.send("operations", rows)

    assert Counter(result.states) == {"created": 1, "rejected": 8}
    assert sorted(why(result)) == sorted([
        (3, "resource.unknown-reference", "workplace"),
        (3, "resource.unknown-reference", "item"),
        (4, "field.type", "qty_desired"),
        (5, "field.type", "planned_start"),
        (5, "field.value", "order_no"),
        (6, "operation.nothing-desired", "qty_desired"),
        (7, "operation.ends-before-start", "planned_end"),
        (8, "field.missing", "workplace"),
        (8, "field.missing", "item"),
        (9, "field.missing", "order_no"),
        (10, "field.type", "qty_desired"),
    ])  # fmt: skip
    assert all(refusal.hint and refusal.detail for refusal in result.refusals)
    assert (await client.get(at(good))).status_code == 200


async def test_the_same_again_is_silence(imports, database):
    rows = [row(due="2026-03-02T06:30:00Z"), row(qty_desired="12.50")]
    await imports.send("operations", rows)
    before, entries = await plant_now(database), len(await audit_entries(database))

    result = await imports.send("operations", rows)
    spelled = await imports.send(
        "operations", [{**one, "qty_desired": f"{float(one['qty_desired']):.4f}"} for one in rows]
    )

    assert (result.states, result.versions) == (("unchanged", "unchanged"), (1, 1))
    assert spelled.states == ("unchanged", "unchanged")
    assert await plant_now(database) == before
    assert len(await audit_entries(database)) == entries


async def test_an_update_touches_the_mapped_fields_only_and_null_empties_what_may_be_empty(imports, client, database):
    one = row(due="2026-03-02T06:30:00Z", planned_start="2026-03-01T06:00:00Z")
    await imports.send("operations", [one])
    key = {"order_no": one["order_no"], "operation_no": one["operation_no"]}

    result = await imports.send("operations", [{**key, "due": None, "workplace": None, "qty_desired": "120"}])

    assert (result.states, result.versions) == (("updated",), (2,))
    assert result.changes[0].before == {"due": "2026-03-02T06:30:00Z", "qty_desired": "100"}
    read = (await client.get(at(one))).json()
    kept = {"due": None, "workplace": "WP-1", "qty_desired": "120", "planned_start": "2026-03-01T06:00:00Z"}
    assert read.items() >= kept.items()
    [_, (fact, _, payload)] = await told(database, one)
    assert (fact, OperationUpdated.model_validate_json(payload).version) == ("updated", 2)


async def test_a_plan_shows_what_would_happen_and_changes_nothing(imports, database):
    there = row()
    await imports.send("operations", [there])
    before, entries = await plant_now(database), len(await audit_entries(database))

    asked = [there, {**there, "order_no": "WB-NEW"}, {**there, "order_no": "WB-BAD", "item": "NOTHING"}]
    plan = await imports.send("operations", asked, phase="plan")
    change = await imports.send("operations", [{**there, "qty_desired": "70"}], phase="plan")

    assert (plan.states, plan.versions) == (("unchanged", "created", "rejected"), (1, 0, 0))
    assert (change.states, change.versions, change.changes[0].before) == (("updated",), (1,), {"qty_desired": "100"})
    assert await plant_now(database) == before
    assert len(await audit_entries(database)) == entries


async def test_what_drifted_from_the_plan_is_stale_and_never_overwritten(imports, client):
    drifted, kept, appeared = row(), row(), row()
    await imports.send("operations", [drifted, kept, appeared])
    change = await client.patch(at(drifted), json={"qty_desired": "55"}, headers={"if-match": '"1"'})
    assert change.status_code == 200

    rows = [{**one, "qty_desired": "77"} for one in (drifted, kept, appeared)]
    result = await imports.send("operations", rows, bases=(1, 1, 0))

    assert (result.states, result.versions) == (("stale", "updated", "stale"), (2, 2, 1))
    assert [refusal.code for refusal in result.refusals] == ["row.stale", "row.stale"]
    assert (await client.get(at(drifted))).json()["qty_desired"] == "55"


@pytest.mark.parametrize(
    ("on_duplicate", "state"), [("update", "updated"), ("skip", "unchanged"), ("refuse", "rejected")]
)
async def test_a_key_that_is_taken_is_updated_skipped_or_refused(imports, on_duplicate, state):
    one = row()
    await imports.send("operations", [one])
    changed = [{**one, "qty_desired": "5"}]
    result = await imports.send("operations", changed, on_duplicate=on_duplicate)
    assert result.states == (state,)
    assert why(result) == ([(2, "row.exists", None)] if state == "rejected" else [])


async def test_what_is_archived_stays_archived(imports, client):
    one = row()
    await imports.send("operations", [one])
    assert (await client.delete(at(one), headers={"if-match": '"1"'})).status_code == 204
    result = await imports.send("operations", [one])
    assert (result.states, why(result)) == (("rejected",), [(2, "resource.archived", None)])


async def test_a_key_stands_in_a_batch_once(imports):
    one = row()
    result = await imports.send("operations", [one, {**one, "qty_desired": "7"}])
    assert (result.states, why(result)) == (("created", "rejected"), [(3, "row.duplicate", None)])


async def test_without_the_role_every_row_is_refused_and_the_trail_says_so(imports, database):
    before = await plant_now(database)
    result = await imports.send("operations", [row(), row()], roles=(Role.OPERATOR,))
    assert [code for _, code, _ in why(result)] == ["auth.forbidden"] * 2
    assert await plant_now(database) == before
    entry = (await audit_entries(database))[-1]
    assert (entry["outcome"], entry["code"]) == ("refused", "auth.forbidden")


async def test_a_shape_that_is_not_the_template_is_answered_and_not_parked(imports):
    extra = await imports.send("operations", [{**row(), "colour": "red"}])
    keyless = await imports.send("operations", [{"qty_desired": "5"}])
    short = await imports.send("operations", [row()], rows=[[2, "only-one"]])
    stranger = await imports.send("spaceships", [row()])
    unbased = await imports.send("operations", [row()], bases=(1, 2))
    found = [[refusal.code for refusal in result.refusals] for result in (extra, keyless, short, unbased, stranger)]
    assert found == [["rows.misshapen"]] * 4 + [["target.unknown"]]


async def test_batches_of_other_owners_are_none_of_our_business(imports, database):
    await imports.subscription.pipeline.consume([imports.record(imports.batch("operations", [row()], owner="records"))])
    async with database.connect() as connection:
        assert await connection.fetchval("SELECT count(*) FROM parked") == 0


async def test_a_row_that_only_the_database_refuses_is_refused_alone(imports, database, client):
    """A rule that Python has not heard of yet must not hold up the import."""
    rows = [row() for _ in range(7)]
    async with database.connect("owner") as connection:
        await connection.execute(
            "ALTER TABLE operations ADD CONSTRAINT odd CHECK (qty_desired <> 13 AND qty_desired <> 17) NOT VALID"
        )
    try:
        rows[2]["qty_desired"], rows[6]["qty_desired"] = "13", "17"
        result = await imports.send("operations", rows)
    finally:
        async with database.connect("owner") as connection:
            await connection.execute("ALTER TABLE operations DROP CONSTRAINT odd")
    assert Counter(result.states) == {"created": 5, "rejected": 2}
    assert [row for row, _, _ in why(result)] == [4, 8]
    assert [(await client.get(at(one))).status_code for one in rows] == [200, 200, 404, 200, 200, 200, 404]


async def plant_now(database):
    """The operations and everything told about them."""
    async with database.connect() as connection:
        return await connection.fetchrow(
            "SELECT (SELECT md5(string_agg(o::text, '|' ORDER BY id)) FROM operations o),"
            " (SELECT count(*) FROM outbox WHERE aggregatetype = 'operation'), (SELECT count(*) FROM ledger_entries)"
        )


async def test_an_answer_fits_into_the_log_however_much_is_wrong(imports):
    wrong = dict.fromkeys(
        ("workplace", "item", "planned_start", "planned_end", "due", "qty_desired", "status"), "x" * 60
    )
    rows = [row(**wrong) for _ in range(500)]
    result = await imports.send("operations", rows)
    assert set(result.states) == {"rejected"}
    assert {refusal.row for refusal in result.refusals} == set(range(2, 502))


async def test_values_before_that_are_too_many_for_the_log_are_left_out_and_the_states_are_told(imports):
    keys = [f"WP-LONG-{number}" for number in range(400)]
    for start in (0, 200):
        long = [{"code": key, "name": "Cell", "description": "ö" * 2000} for key in keys[start : start + 200]]
        assert set((await imports.send("workplaces", long)).states) == {"created"}
    result = await imports.send("workplaces", [{"code": key, "description": None} for key in keys])
    assert set(result.states) == {"updated"}
    assert 0 < len(result.changes) < 400


async def test_the_relay_is_woken_for_an_answer_even_when_nothing_changed(app, imports):
    one = row()
    await imports.send("operations", [one])
    rings = []
    stop = app.state.context.wake.listen(lambda: rings.append(1))
    result = await imports.send("operations", [one])
    stop()
    assert (result.states, rings) == (("unchanged",), [1])
