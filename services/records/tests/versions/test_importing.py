"""Rows of workbooks become records: by their business key, each judged as an edit over HTTP would be."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from plantkit.ids import new_id
from plantkit.testing.database import TestDatabase
from plantkit.testing.importing import ImportSender
from plantkit.testing.watch import audit_entries, left_behind
from records.record_types.loops import register_shipped
from services.records.tests.stage import RECORDS, TYPES, Ask, Json, at
from takt_contracts.imports.rows import RowResults
from takt_contracts.records.records import RecordCreated, RecordRevised
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
Q = Role.QUALITY


def inspection(no: str, **fields: Any) -> Json:
    """As imports sends a row: a number is a text."""
    return {"inspection_no": no, "characteristic": "diameter", "result": "pass", "inspected_on": "2026-11-02", **fields}


@pytest.fixture(autouse=True)
async def shipped_types(app: FastAPI) -> None:
    await register_shipped(app)


class Desk:
    """Hands in rows as quality-01 and reads what became of them."""

    def __init__(self, imports: ImportSender, ask: Ask) -> None:
        self._imports, self._ask = imports, ask

    async def land(self, *rows: Json, target: str = "inspection", **given: Any) -> RowResults:
        about = {"uploaded_by": "quality-01", "roles": (Q,), **given}
        return await self._imports.send(target, rows, **about)

    async def found(self, no: str, user: str = "quality-01") -> Json:
        page = await self._ask("GET", f"{RECORDS}?record_type=inspection&content.inspection_no={no}", Q, user=user)
        [summary] = page.json()["data"]
        record: Json = (await self._ask("GET", at(summary), Q, user=user)).json()
        return record

    async def count(self, *numbers: str) -> list[int]:
        pages = [
            await self._ask("GET", f"{RECORDS}?record_type=inspection&content.inspection_no={no}", Q) for no in numbers
        ]
        return [len(page.json()["data"]) for page in pages]


@pytest.fixture
def desk(imports: ImportSender, ask: Ask) -> Desk:
    return Desk(imports, ask)


async def test_rows_become_records_with_their_version_their_event_and_one_audit_entry(
    desk: Desk, database: TestDatabase, published: Any
) -> None:
    import_id = new_id()
    entries = len(await audit_entries(database))

    result = await desk.land(
        inspection("A-1", measured="40.01", low="39.9"), inspection("A-2", remarks=None), import_id=import_id
    )

    assert (result.states, result.versions) == (("created", "created"), (1, 1))
    record = await desk.found("A-1")
    assert record["content"] == inspection("A-1", measured=40.01, low=39.9)
    assert (record["version"], record["lifecycle"], record["created_by"]) == (1, "final", "quality-01")
    told = [one for one in await published(RecordCreated) if one.state.id == UUID(record["id"])]
    assert [(one.version, one.state.content) for one in told] == [(1, record["content"])]
    [entry] = (await audit_entries(database))[entries:]
    assert (entry["action"], entry["resource"], entry["subject"]) == (
        "records.import.applied",
        "inspection",
        str(import_id),
    )
    assert entry["changes"] == {"batch": 1, "created": 2}
    async with database.connect() as connection:
        causes = await connection.fetch(
            "SELECT headers->>'ce_causationid' FROM outbox WHERE headers->>'ce_causationid' LIKE '%' || $1 || '%'",
            str(import_id),
        )
    assert sorted(row[0] for row in causes) == [f"imports/{import_id}/rows/{n}" for n in (2, 3)]


async def test_a_row_revises_the_record_that_has_its_key_and_nothing_else_of_it(desk: Desk, published: Any) -> None:
    await desk.land(inspection("B-1", measured="40.01", unit="mm", remarks="as found"))

    result = await desk.land({"inspection_no": "B-1", "measured": "40.5", "remarks": None, "result": None})

    record = await desk.found("B-1")
    assert (result.states, result.versions) == (("updated",), (2,))
    assert record["content"] == inspection("B-1", measured=40.5, unit="mm")
    assert [dict(one.before) for one in result.changes] == [{"measured": "40.01", "remarks": "as found"}]
    assert [one.version for one in await published(RecordRevised) if str(one.state.id) == record["id"]] == [2]


async def test_the_same_rows_again_are_silence(desk: Desk, database: TestDatabase) -> None:
    rows = [inspection(f"C-{n}", measured=f"40.{n}") for n in range(1, 4)]
    await desk.land(*rows)
    before = await left_behind(database, "record_versions"), len(await audit_entries(database))

    result = await desk.land(*rows)

    assert (result.states, result.versions, result.changes) == (("unchanged",) * 3, (1, 1, 1), ())
    table, facts, answers = await left_behind(database, "record_versions")
    assert ((table, facts - 1, answers), len(await audit_entries(database))) == before, (
        "but the answer, nothing is told"
    )


WRONG = {
    "measured": "forty",
    "result": "perhaps",
    "inspected_on": "2026-02-30",
    "characteristic": "x" * 201,
}


async def test_a_bad_row_is_refused_by_column_and_its_neighbours_land(desk: Desk) -> None:
    bad = [inspection(f"D-{n}", **{name: value}) for n, (name, value) in enumerate(WRONG.items())]
    lacking = {**inspection("D-7"), "result": None}

    result = await desk.land(inspection("D-8"), *bad, lacking, inspection("D-9"))

    assert result.states == ("created", *["rejected"] * (len(bad) + 1), "created")
    assert [(one.row, one.field) for one in result.refusals] == [*enumerate(WRONG, start=3), (7, "result")]
    assert await desk.count("D-8", "D-9", "D-0", "D-7") == [1, 1, 0, 0]


CALIBRATION: Json = {"instrument": "G-1", "result": "pass", "calibrated_on": "2026-11-02", "due_on": "2027-11-02"}


async def test_the_schema_has_the_last_word_and_names_the_column(desk: Desk) -> None:
    """The template lets a number of 18 digits pass; records keep none that readers read unlike."""
    result = await desk.land(
        {**CALIBRATION, "calibration_no": "K-1", "deviation": "123456789012.123456"}, target="calibration"
    )

    assert result.states == ("rejected",)
    assert [(one.row, one.field, one.code) for one in result.refusals] == [(2, "deviation", "record.content-refused")]


async def test_a_row_obeys_the_schema_that_its_type_has_now(desk: Desk, ask: Ask) -> None:
    kind = (await ask("GET", f"{TYPES}/calibration", Role.ADMIN)).json()
    wider = kind["content_schema"]
    wider["properties"]["place"] = {"type": "string"}
    changed = await ask(
        "PATCH", f"{TYPES}/calibration", Role.ADMIN, base=kind["version"], json={"content_schema": wider}
    )
    assert changed.status_code == 200, changed.text

    await desk.land({**CALIBRATION, "calibration_no": "K-2"}, target="calibration")

    page = await ask("GET", f"{RECORDS}?record_type=calibration&content.calibration_no=K-2", Q)
    assert [one["schema_version"] for one in page.json()["data"]] == [2]


async def test_who_may_not_create_such_records_brings_none(desk: Desk, database: TestDatabase) -> None:
    result = await desk.land(inspection("E-1"), roles=(Role.PLANNER,), uploaded_by="planner-1")

    assert (result.states, {one.code for one in result.refusals}) == (("rejected",), {"auth.forbidden"})
    assert await desk.count("E-1") == [0]
    last = (await audit_entries(database))[-1]
    assert (last["outcome"], last["code"], last["actor"]["id"]) == ("refused", "auth.forbidden", "planner-1")


async def test_only_its_creator_and_administrators_change_a_record_by_a_row(desk: Desk) -> None:
    await desk.land(inspection("F-1"))

    stranger = await desk.land(inspection("F-1", result="fail"), uploaded_by="quality-02")
    chief = await desk.land(inspection("F-1", result="fail"), uploaded_by="admin", roles=(Role.ADMIN,))

    assert (stranger.states, [one.code for one in stranger.refusals]) == (("rejected",), ["record.not-its-creator"])
    assert (chief.states, chief.versions) == (("updated",), (2,))
    assert (await desk.found("F-1"))["created_by"] == "quality-01"


async def test_a_type_that_asks_for_reasons_has_a_column_for_them(desk: Desk, ask: Ask) -> None:
    row = {"report_no": "N-1", "description": "Scratched.", "severity": "minor", "found_on": "2026-11-02"}
    await desk.land(row, target="non-conformance")

    silent = await desk.land({**row, "severity": "major"}, target="non-conformance")
    told = await desk.land({**row, "severity": "major", "reason": "seen again"}, target="non-conformance")

    assert [(one.code, one.field) for one in silent.refusals] == [("record.reason-missing", "reason")]
    assert told.states == ("updated",)
    page = await ask("GET", f"{RECORDS}?record_type=non-conformance&content.report_no=N-1", Q)
    record = (await ask("GET", at(page.json()["data"][0]), Q)).json()
    assert (record["reason"], record["content"]["severity"]) == ("seen again", "major")


async def test_a_row_leaves_what_its_uploader_does_not_see(desk: Desk, ask: Ask) -> None:
    content = {"report_no": "N-2", "description": "Bent.", "severity": "minor", "found_on": "2026-11-02", "cost": 7}
    made = await ask("POST", RECORDS, Q, json={"record_type": "non-conformance", "content": content})
    row = {name: value for name, value in content.items() if name != "cost"}

    result = await desk.land({**row, "severity": "major", "reason": "again"}, target="non-conformance")

    assert (result.states, result.changes[0].before) == (("updated",), {"severity": "minor"})
    record = (await ask("GET", at(made.json()), Q)).json()
    assert record["content"] == {**content, "severity": "major"}


async def test_an_empty_cell_leaves_a_field_that_was_hidden_since(desk: Desk, ask: Ask) -> None:
    """Its column is in workbooks still; what it says is told to nobody who may not see it."""
    inspector: Json = {"uploaded_by": "operator-07", "roles": (Role.OPERATOR,), "target": "non-conformance"}
    row = {"report_no": "N-3", "description": "Bent.", "severity": "minor", "found_on": "2026-11-02", "quantity": "5"}
    await desk.land(row, **inspector)
    kind = (await ask("GET", f"{TYPES}/non-conformance", Role.ADMIN)).json()
    hidden = {**kind["hidden_fields"], "quantity": ["QUALITY"]}
    changed = await ask(
        "PATCH", f"{TYPES}/non-conformance", Role.ADMIN, base=kind["version"], json={"hidden_fields": hidden}
    )
    assert changed.status_code == 200, changed.text

    empty = await desk.land({**row, "quantity": None, "severity": "major", "reason": "again"}, **inspector)
    blind = await desk.land({**row, "quantity": "6", "severity": "major", "reason": "again"}, **inspector)

    assert (empty.states, empty.changes[0].before) == (("updated",), {"severity": "minor"})
    assert (blind.states, blind.changes) == (("updated",), ())
    page = await ask("GET", f"{RECORDS}?record_type=non-conformance&content.report_no=N-3", Q)
    history = (await ask("GET", at(page.json()["data"][0], "/history"), Q)).json()["data"]
    assert [one["content"]["quantity"] for one in history] == [6, 5, 5]


async def test_what_was_previewed_is_what_commits(desk: Desk, database: TestDatabase) -> None:
    await desk.land(inspection("G-1"), inspection("G-2"), inspection("G-3"))
    rows = [inspection("G-1"), inspection("G-2", result="fail"), inspection("G-3", result="fail"), inspection("G-4")]
    before = await left_behind(database, "record_versions")

    plan = await desk.land(*rows, phase="plan")

    assert (plan.states, plan.versions) == (("unchanged", "updated", "updated", "created"), (1, 1, 1, 0))
    assert (await left_behind(database, "record_versions"))[0] == before[0]
    await desk.land(inspection("G-3", remarks="meanwhile"))
    done = await desk.land(*rows, bases=plan.versions)
    assert (done.states, done.versions) == (("unchanged", "updated", "stale", "created"), (1, 2, 2, 1))


@pytest.mark.parametrize(("on_duplicate", "state"), [("skip", "unchanged"), ("refuse", "rejected")])
async def test_rows_whose_key_is_taken_are_left_or_refused_where_that_is_wanted(
    desk: Desk, on_duplicate: str, state: str
) -> None:
    no = f"H-{on_duplicate}"
    await desk.land(inspection(no))

    result = await desk.land(inspection(no, result="fail"), on_duplicate=on_duplicate)

    assert result.states == (state,)
    assert (await desk.found(no))["content"]["result"] == "pass"


async def test_all_or_none(desk: Desk, imports: ImportSender) -> None:
    def of(*rows: Json, **more: Any) -> Sequence[Any]:
        about = {
            "import_id": new_id(),
            "batches": 2,
            "atomic": True,
            "uploaded_by": "quality-01",
            "roles": (Q,),
            **more,
        }
        return [imports.batch("inspection", [row], **about, batch=n) for n, row in enumerate(rows, 1)]

    bad = await imports.deliver(of(inspection("I-1"), inspection("I-2", result="perhaps")))
    good = await imports.deliver(of(inspection("I-1"), inspection("I-2")))

    assert [one.states for one in bad] == [("rejected",), ("rejected",)]
    assert [one.states for one in good] == [("created",), ("created",)]
    assert await desk.count("I-1", "I-2") == [1, 1]


async def test_a_record_that_was_entered_in_error_takes_no_row(desk: Desk, ask: Ask) -> None:
    await desk.land(inspection("J-1"))
    first = await desk.found("J-1")
    marked = await ask("PATCH", at(first), Q, base=1, json={"lifecycle": "entered-in-error"})
    assert marked.status_code == 200

    result = await desk.land(inspection("J-1", result="fail"))

    assert (result.states, [one.code for one in result.refusals]) == (("rejected",), ["record.illegal-transition"])


async def test_two_rows_of_one_key_are_one_and_the_later_is_refused(desk: Desk) -> None:
    result = await desk.land(inspection("L-1"), inspection("L-1", result="fail"))

    assert (result.states, [one.code for one in result.refusals]) == (("created", "rejected"), ["row.duplicate"])


@pytest.mark.parametrize("columns", [("inspection_no", "cost"), ("characteristic",)])
async def test_rows_of_another_shape_are_refused_whole(desk: Desk, columns: tuple[str, ...]) -> None:
    result = await desk.land(dict.fromkeys(columns, "X-1"))

    assert (result.states, [one.code for one in result.refusals]) == (("rejected",), ["rows.misshapen"])


async def test_a_workbook_and_people_that_write_the_same_keys_at_once_make_one_record_each(
    desk: Desk, ask: Ask
) -> None:
    numbers = [f"R-{n}" for n in range(20)]

    async def by_hand(no: str) -> int:
        body = {"record_type": "inspection", "content": inspection(no)}
        return (await ask("POST", RECORDS, Q, json=body)).status_code

    result, answers = await asyncio.gather(desk.land(*map(inspection, numbers)), asyncio.gather(*map(by_hand, numbers)))

    assert set(zip(result.states, answers, strict=True)) <= {("created", 409), ("unchanged", 201)}
    assert await desk.count(*numbers) == [1] * len(numbers)
