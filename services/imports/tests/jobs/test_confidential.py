"""Rows of health workbooks: sealed on their way, shown to few and told when they are, gone after seven days."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from imports.jobs.confidential import purge_once
from imports.jobs.consumers import take_answers
from imports.jobs.loops import sweep_once
from plantkit.clock import utc_now
from plantkit.sealing import closed, opened
from plantkit.testing.database import TestDatabase
from plantkit.testing.fixtures import Signer
from services.imports.tests.jobs.plant import Plant, applied, created, sheet
from services.imports.tests.jobs.test_keeping_house import is_there
from takt_contracts.imports.jobs import RowState
from takt_contracts.imports.rows import RecordsRowsApplied, RowBatch, RowsReady
from takt_contracts.records.reading import ImportsRead
from takt_contracts.roles import Role

pytestmark = pytest.mark.db
HEALTH: dict[str, Any] = {
    "template": "occupational-health",
    "roles": [Role.HEALTH],
    "uploaded_by": "health-01",
    "uploaded_at": utc_now(),  # the service sweeps as it starts, and would take an old one on its way
}
SECRET = "Item 3"  # what `sheet` writes into the second row


def planning(batch: RowBatch) -> tuple[list[RowState], list[int]]:
    return [RowState.CREATED, RowState.UPDATED, RowState.REJECTED][: len(batch.rows)], [0, 4, 0][: len(batch.rows)]


async def imported(plant: Plant, **fields: Any) -> UUID:
    """A health workbook of three rows, planned: one new, one changed, one refused."""
    import_id = await plant.upload(sheet(3), **HEALTH, **fields)
    await plant.work()
    secret = plant.context.settings.consistency_secret.get_secret_value()
    for ready in await plant.waiting(import_id):
        batch = opened(secret, ready)
        assert isinstance(batch, RowsReady)
        await plant.deliver(take_answers, closed(secret, applied(batch, planning, confidential=True)))
    return import_id


async def aged(plant: Plant, import_id: UUID, **age: int) -> UUID:
    """Once it stands where the test wants it."""
    async with plant.database.connect() as connection:
        at = utc_now() - timedelta(**age)
        await connection.execute("UPDATE imports SET uploaded_at = $2 WHERE id = $1", import_id, at)
    return import_id


@pytest.fixture
async def old(plant: Plant) -> UUID:
    return await aged(plant, await imported(plant, mode="plan"), days=7, minutes=1)


@pytest.fixture
async def young(plant: Plant) -> UUID:
    return await aged(plant, await imported(plant, mode="plan"), days=6)


async def test_rows_travel_sealed_and_only_this_stack_opens_them(plant: Plant, database: TestDatabase) -> None:
    import_id = await plant.upload(sheet(3), **HEALTH)
    await plant.work()

    [ready] = await plant.sent(import_id)

    assert (ready.state.confidential, ready.state.rows) == (True, ())
    assert SECRET not in ready.model_dump_json()
    plain = opened(plant.context.settings.consistency_secret.get_secret_value(), ready)
    assert isinstance(plain, RowsReady)
    assert [row[2] for row in plain.state.rows] == ["Item 2", SECRET, "Item 4"]
    for other in (ready.model_copy(update={"state": ready.state.model_copy(update={"import_id": UUID(int=1)})}), ready):
        with pytest.raises(ValueError, match="not closed with the secret"):
            opened("another secret of a stack, just as long as ours is", other)
    async with database.connect() as connection:
        told = await connection.fetchval("SELECT count(*) FROM outbox WHERE payload LIKE '%' || $1 || '%'", SECRET)
    assert told == 0


async def test_rows_of_other_targets_travel_as_they_are(plant: Plant) -> None:
    import_id = await plant.imported(sheet(1))

    [ready] = await plant.sent(import_id)

    assert (ready.state.confidential, ready.state.sealed, len(ready.state.rows)) == (False, None, 1)


async def test_an_answer_is_sealed_too(plant: Plant, young: UUID) -> None:
    plan = await plant.read(young, "/plan")

    assert [row["state"] for row in plan["data"]] == ["created", "updated", "rejected"]
    assert plan["data"][1]["changes"] == [{"field": "name", "before": "Before", "after": SECRET}]
    answer = applied((await plant.sent(young))[0], lambda _: ([], []), confidential=True)
    assert isinstance(answer, RecordsRowsApplied)
    assert closed("a secret of thirty-two characters, or more", answer).model_dump(mode="json")["state"]["sealed"]


async def test_an_answer_that_was_sealed_elsewhere_is_parked(plant: Plant, young: UUID) -> None:
    sent = (await plant.sent(young))[0]
    foreign = closed(
        "another secret of a stack, just as long as ours is", applied(sent, lambda _: ([], []), confidential=True)
    )

    with pytest.raises(AssertionError, match=r"event\.closed-elsewhere"):
        await plant.deliver(take_answers, foreign)


@pytest.mark.parametrize("tail", ["/rows", "/rows/3", "/plan"])
async def test_rows_are_shown_to_health_and_administrators_and_that_is_told(
    plant: Plant, young: UUID, anonymous: httpx.AsyncClient, signer: Signer, published: Any, audited: Any, tail: str
) -> None:
    path = f"/api/v1/imports/{young}{tail}"
    before = len(await published(ImportsRead))

    seen = await anonymous.get(path, headers=signer.headers(Role.HEALTH, user="health-02"))
    refused = await anonymous.get(path, headers=signer.headers(Role.QUALITY, Role.PLANNER, user="quality-01"))

    assert (seen.status_code, SECRET in seen.text) == (200, True)
    assert (refused.status_code, refused.json()["code"]) == (403, "import.rows-not-shown")
    assert SECRET not in refused.text
    told = (await published(ImportsRead))[before:]
    assert [(one.state.actor.id, one.state.subject, one.state.outcome) for one in told] == [
        ("health-02", str(young), "read")
    ]
    summary = await anonymous.get(f"/api/v1/imports/{young}", headers=signer.headers(Role.VIEWER))
    assert (summary.status_code, SECRET in summary.text) == (200, False)


async def test_after_seven_days_rows_and_file_are_gone_and_a_plan_with_them(
    plant: Plant, old: UUID, young: UUID, database: TestDatabase
) -> None:
    while await sweep_once(plant.context, plant.storage):
        pass
    while await purge_once(plant.context):
        pass

    found = await plant.read(old)
    gone = await plant.client.get(f"/api/v1/imports/{old}/rows")
    assert (gone.status_code, gone.json()["code"]) == (410, "import.rows-purged")
    assert (found["state"], found["totals"]["rows"], found["totals"]["rejected"]) == ("cancelled", 3, 3)
    async with database.connect() as connection:
        for table in ("import_batches", "import_results"):
            left = {row[0] for row in await connection.fetch(f"SELECT import_id FROM {table}")}
            assert (old in left, young in left) == (False, True)
        files = await connection.fetch("SELECT id, dataref FROM imports WHERE id = ANY($1)", [old, young])
    assert {row["id"]: await is_there(plant.storage, row["dataref"]) for row in files} == {old: False, young: True}
    assert await purge_once(plant.context) == 0


async def test_rows_of_other_targets_stay(plant: Plant) -> None:
    import_id = await plant.imported(sheet(1), created, uploaded_at=utc_now() - timedelta(days=20))

    await purge_once(plant.context)

    assert len((await plant.read(import_id, "/rows"))["data"]) == 1


async def test_an_import_that_is_under_way_is_not_purged(plant: Plant) -> None:
    import_id = await plant.upload(sheet(2), **HEALTH, mode="commit")
    await plant.work()
    await aged(plant, import_id, days=8)

    await purge_once(plant.context)

    assert (await plant.read(import_id))["state"] == "committing"
    assert len((await plant.read(import_id, "/rows"))["data"]) == 2
