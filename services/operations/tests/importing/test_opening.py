"""Work that was done before an operation was known here becomes one ledger entry; afterwards it is only compared."""

from itertools import permutations

import orjson
import pytest

from takt_contracts.operations.production import OperationCreated

from .conftest import at, row, why

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("plant")]
_BUSY = {"status": "IN_PROGRESS"}
_NOT_ADDING_UP = "operation.opening-does-not-add-up"


async def opened(imports, client, **brought):
    """An operation that a workbook brought along, as it is read, and its ledger."""
    one = row(**brought)
    result = await imports.send("operations", [one])
    assert result.states == ("created",), result.refusals
    ledger = (await client.get(at(one, "/ledger"))).json()["data"]
    return one, (await client.get(at(one))).json(), ledger


async def test_quantities_become_one_entry_that_the_fact_tells(imports, client, published):
    brought = {"status": "IN_PROGRESS", "qty_processed": "30", "qty_good": "25", "qty_scrap": "5", "qty_rework": "2"}
    _, read, ledger = await opened(imports, client, **brought)

    assert read.items() >= {**brought, "version": 1}.items()
    [entry] = ledger
    booked = {"kind": "opening", "good": "25", "scrap": "5", "rework": "2", "booked_by": "planner-1"}
    assert entry.items() >= booked.items()
    assert entry["reason"].startswith("import ")
    told = (await published(OperationCreated))[-1]
    assert orjson.loads(told.entry.model_dump_json()) == entry
    assert told.state.model_dump_json() == orjson.dumps(read).decode()


@pytest.mark.parametrize("status", ["IN_PROGRESS", "FINISHED", "CANCELLED"])
async def test_a_status_comes_along_without_quantities(imports, client, status):
    _, read, ledger = await opened(imports, client, status=status)
    assert (read["status"], read["version"], ledger) == (status, 1, [])


async def test_what_remains_of_processed_is_good(imports, client):
    _, read, _ = await opened(imports, client, status="FINISHED", qty_processed="30", qty_scrap="5")
    assert (read["qty_good"], read["qty_scrap"], read["qty_processed"]) == ("25", "5", "30")


async def test_an_empty_cell_and_a_zero_bring_nothing(imports, client):
    _, read, ledger = await opened(imports, client, status=None, qty_processed="0", qty_good=None, qty_scrap="0.0")
    assert (read["status"], read["qty_processed"], ledger) == ("RELEASED", "0", [])


@pytest.mark.parametrize(
    ("brought", "refusal"),
    [
        ({"status": "RELEASED", "qty_good": "1"}, (2, _NOT_ADDING_UP, "status")),
        ({"qty_good": "1"}, (2, _NOT_ADDING_UP, "status")),
        ({**_BUSY, "qty_processed": "9", "qty_good": "5", "qty_scrap": "5"}, (2, _NOT_ADDING_UP, "qty_processed")),
        ({**_BUSY, "qty_processed": "4", "qty_scrap": "5"}, (2, _NOT_ADDING_UP, "qty_processed")),
        ({**_BUSY, "qty_good": "101"}, (2, "operation.over-desired", "qty_processed")),
        ({**_BUSY, "qty_good": "-1"}, (2, "field.range", "qty_good")),
        ({"status": "SLEEPING"}, (2, "field.value", "status")),
    ],
)  # fmt: skip
async def test_what_contradicts_itself_is_refused_by_field(imports, client, brought, refusal):
    one = row(**brought)
    result = await imports.send("operations", [one])
    assert (result.states, why(result)) == (("rejected",), [refusal])
    assert (await client.get(at(one))).status_code == 404


async def test_the_same_quantities_again_are_silence_and_others_are_refused(imports, client):
    brought = {"status": "IN_PROGRESS", "qty_processed": "30", "qty_good": "25", "qty_scrap": "5"}
    one, read, _ = await opened(imports, client, **brought)

    again = await imports.send("operations", [one])
    silent = await imports.send("operations", [{**one, "status": None, "qty_good": None}])
    differs = await imports.send("operations", [{**one, "status": "FINISHED", "qty_good": "26", "qty_desired": "200"}])

    assert (again.states, silent.states) == (("unchanged",), ("unchanged",))
    assert sorted(why(differs)) == [
        (2, "operation.booked-differs", "qty_good"),
        (2, "operation.booked-differs", "status"),
    ]
    assert (await client.get(at(one))).json() == read


async def test_work_goes_on_from_the_opening(imports, client):
    one, _, _ = await opened(imports, client, status="IN_PROGRESS", qty_good="25")
    reply = await client.post(at(one, "/report"), json={"good": "75"}, headers={"idempotency-key": one["order_no"]})
    assert (reply.status_code, reply.json()["qty_processed"], reply.json()["version"]) == (200, "100", 2)


async def test_history_is_not_planned_anew(imports, client):
    one, read, _ = await opened(imports, client, status="FINISHED", qty_good="25")
    busy, _, _ = await opened(imports, client, status="IN_PROGRESS", qty_good="25")
    key = ("order_no", "operation_no")
    rows = [{**{name: each[name] for name in key}, "qty_desired": "20"} for each in (one, busy)]
    result = await imports.send("operations", rows)
    assert why(result) == [
        (2, "operation.final", None),
        (3, "operation.desired-below-processed", "qty_desired"),
    ]
    assert (await client.get(at(one))).json() == read


def of_one_order(*done):
    """An operation each, from 0010 on: good and scrap of what was done before."""
    first = row()
    rows = [{**first, "operation_no": f"{10 * number:04}"} for number in range(1, len(done) + 1)]
    return [
        {**one, "status": "IN_PROGRESS", "qty_good": good, "qty_scrap": scrap}
        for one, (good, scrap) in zip(rows, done, strict=True)
    ]


@pytest.mark.parametrize("phase", ["plan", "commit"])
async def test_more_than_was_handed_over_is_refused_in_the_plan_already(imports, phase):
    rows = of_one_order(("30", "5"), ("20", "10"), ("15", "6"))
    result = await imports.send("operations", rows, phase=phase)
    assert (result.states, why(result)) == (
        ("created", "created", "rejected"),
        [(4, "operation.over-handed-over", "qty_processed")],
    )
    assert result.refusals[0].detail == "21 are processed, but 20 were handed over."


@pytest.mark.parametrize("phase", ["plan", "commit"])
async def test_an_operation_between_two_that_have_worked_hands_over_enough(imports, phase):
    first, between, last = of_one_order(("30", "0"), ("19", "0"), ("20", "0"))
    assert (await imports.send("operations", [first, last])).states == ("created", "created")
    result = await imports.send("operations", [between], phase=phase)
    assert why(result) == [(2, "operation.consumed-downstream", "qty_processed")]
    cancelled = await imports.send("operations", [{**between, "status": "CANCELLED"}], phase=phase)
    assert cancelled.states == ("created",)


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
async def test_an_order_that_holds_lands_in_whatever_order_its_rows_come(imports, order):
    rows = of_one_order(("30", "5"), ("20", "10"), ("15", "5"))
    mixed = [rows[place] for place in order]
    plan = await imports.send("operations", mixed, phase="plan")
    assert (plan.states, plan.refusals) == (("created",) * 3, ())
    assert (await imports.send("operations", mixed)).states == ("created",) * 3
