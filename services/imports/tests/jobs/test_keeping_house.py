"""Old files leave the inbox; the numbers on the dashboard are there."""

import pytest
from prometheus_client import REGISTRY

from imports.jobs.loops import sweep_once
from plantkit.clock import utc_now
from plantkit.storage import NoSuchObject, Storage
from services.imports.tests.jobs.plant import Plant, sheet

pytestmark = pytest.mark.db


async def is_there(storage: Storage, key: str) -> bool:
    try:
        async for _ in storage.get(key):
            pass
    except NoSuchObject:
        return False
    return True


async def test_old_files_of_what_has_ended_are_deleted_and_others_stay(plant: Plant):
    now = utc_now()
    while await sweep_once(plant.context, plant.storage):
        pass
    files = {
        "old": await plant.file(sheet(1)),
        "new": await plant.file(sheet(1), uploaded_at=now),
        "refused": await plant.file(sheet(1), template="nonsense"),
        "waiting": await plant.file(sheet(1, target=None), template=None),
    }
    from imports.jobs.consumers import receive_files

    await plant.deliver(receive_files, *files.values())
    await plant.work()

    assert await sweep_once(plant.context, plant.storage) in (0, 2)  # 0: the service swept them as it started
    assert await sweep_once(plant.context, plant.storage) == 0

    left = {name for name, file in files.items() if await is_there(plant.storage, file.state.dataref)}
    assert left == {"new", "waiting"}
    assert (await plant.read(files["refused"].state.id))["state"] == "failed"


async def test_rows_are_counted_by_target_and_state_when_an_import_ends(plant: Plant):
    def counted(state: str) -> float:
        return REGISTRY.get_sample_value("takt_import_rows_total", {"target": "items", "state": state}) or 0.0

    before = counted("created"), counted("rejected")
    await plant.imported(sheet(5, rejected=[3]))
    assert (counted("created") - before[0], counted("rejected") - before[1]) == (4, 1)
