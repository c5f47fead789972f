"""Attempts to read that die, sleep too long or meet trouble: another one begins anew, and the dead write nothing."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from imports.jobs.reading import Attempts
from plantkit.storage import Storage, StorageAway
from plantkit.work import Fenced
from services.imports.tests.jobs.plant import Plant, WrittenFile, sheet, sums_up
from takt_contracts.imports.jobs import ImportState

pytestmark = pytest.mark.db
S = ImportState


class Died(BaseException):
    """The process ended here: nothing after this line ran."""


class Interrupted(WrittenFile):
    """A reader that calls out before each batch."""

    at: int = 0
    meanwhile: Any = None

    async def batches(self) -> Any:
        number = 0
        async for batch in super().batches():
            if number == type(self).at:
                await type(self).meanwhile()
            number += 1
            yield batch
        if number == type(self).at:
            await type(self).meanwhile()


def interrupting(plant: Plant, at: int, meanwhile: Any) -> Attempts:
    class Reader(Interrupted):
        pass

    Reader.at, Reader.meanwhile = at, staticmethod(meanwhile)
    return Attempts(plant.context, plant.storage, opener=Reader.open)  # type: ignore[arg-type]  # has what is used


@pytest.mark.parametrize("at", range(4))
async def test_what_dies_in_the_middle_is_read_anew_and_every_row_is_there_once(plant: Plant, at: int):
    async def die() -> None:
        raise Died

    import_id = await plant.upload(sheet(3, 3, 3, rejected=[3]))
    with pytest.raises(Died):
        await interrupting(plant, at, die)(await plant.claim())
    assert (await plant.read(import_id))["state"] == "mapped"
    assert await plant.sent(import_id) == []
    await plant.expire_leases()

    await plant.work()
    await plant.answer_all(import_id)

    found = await plant.read(import_id)
    assert found["totals"] | {"rows": 9, "created": 8, "rejected": 1} == found["totals"]
    assert [row["row"] for row in (await plant.read(import_id, "/rows"))["data"]] == list(range(2, 11))
    states = await plant.trace(import_id)
    assert states == [S.UPLOADED, S.PARSED, S.MAPPED, S.VALIDATED, S.PLANNED, S.COMMITTING, S.DONE]


async def test_the_copy_that_is_read_has_no_name_so_a_killed_worker_leaves_none(plant: Plant, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen: list[list[Path]] = []

    async def look() -> None:
        seen.append(list(tmp_path.iterdir()))

    import_id = await plant.upload(sheet(3, 3))
    await interrupting(plant, 1, look)(await plant.claim())

    assert seen == [[]]
    assert (await plant.read(import_id))["state"] == "committing"


@pytest.mark.parametrize("at", range(4))
async def test_who_slept_past_the_lease_writes_nothing(plant: Plant, at: int):
    """The other one is through before the sleeper wakes up."""

    async def another_comes() -> None:
        await plant.expire_leases()
        await plant.work()

    import_id = await plant.upload(sheet(2, 2, 2))
    with pytest.raises(Fenced):
        await interrupting(plant, at, another_comes)(await plant.claim())
    await plant.answer_all(import_id)
    assert (await plant.read(import_id))["totals"]["created"] == 6
    assert len(await plant.sent(import_id)) == 3


@pytest.mark.parametrize("at", range(4))
async def test_cancelled_while_it_is_read_it_is_over(plant: Plant, at: int):
    async def cancel() -> None:
        assert (await plant.order(import_id, "cancel")).json()["state"] == "cancelled"

    import_id = await plant.upload(sheet(2, 2, 2))
    with pytest.raises(Fenced):
        await interrupting(plant, at, cancel)(await plant.claim())
    found = await plant.read(import_id)
    assert (found["state"], sums_up(found["totals"])) == ("cancelled", True)
    assert found["totals"]["rows"] == found["totals"]["rejected"] == 2 * at
    assert await plant.work() == 0


async def test_a_store_that_is_away_is_no_fault_of_the_file(plant: Plant):
    class Away(Storage):
        def get(self, key: str) -> Any:
            raise StorageAway("It does not answer.")

    import_id = await plant.upload(sheet(2))
    lease = await plant.claim()
    with pytest.raises(StorageAway):
        await Attempts(plant.context, Away(plant.storage.url), opener=WrittenFile.open)(lease)  # type: ignore[arg-type]  # has what is used
    assert (await plant.read(import_id))["state"] == "uploaded"
    await plant.desk.put_off(lease, 0)
    await plant.work()
    assert (await plant.read(import_id))["state"] == "committing"


async def test_a_file_that_no_attempt_survives_is_given_up(plant: Plant):
    import_id = await plant.upload(sheet(2))
    for _ in range(5):
        await plant.claim()
        await plant.expire_leases()
    assert (await plant.read(import_id))["state"] == "uploaded"
    await plant.work()
    found = await plant.read(import_id)
    assert (found["state"], found["reason"]["code"]) == ("failed", "import.gave-up")


async def test_a_file_that_kills_every_attempt_in_its_middle_is_given_up_too(plant: Plant):
    async def die() -> None:
        raise Died

    import_id = await plant.upload(sheet(2, 2, 2))
    for _ in range(5):
        with pytest.raises(Died):
            await interrupting(plant, 2, die)(await plant.claim())
        await plant.expire_leases()
    await plant.work()
    found = await plant.read(import_id)
    assert (found["reason"]["code"], found["totals"]["rejected"]) == ("import.gave-up", 4)
    assert await plant.sent(import_id) == []


async def test_a_whole_that_was_half_sent_is_sent_to_its_end(plant: Plant):
    import_id = await plant.imported(sheet(*[1] * 20), mode="plan", atomic=True)
    await plant.order(import_id, "commit")
    lease = await plant.claim()
    await plant.expire_leases()
    await plant.work()
    with pytest.raises(Fenced):
        await plant.attempts(lease)
    batches = [one.state.batch for one in await plant.sent(import_id) if one.state.phase == "commit"]
    assert batches == list(range(1, 21))
