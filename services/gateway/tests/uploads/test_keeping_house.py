"""Orphans in the store, and users who send too much."""

from datetime import timedelta

import pytest

from gateway.uploads.desk import desk_of, key_of
from gateway.uploads.errors import TooManyUploads
from gateway.uploads.loops import ORPHAN_AFTER, sweep_orphans
from plantkit.clock import utc_now
from plantkit.ids import new_id

from .conftest import CSV

pytestmark = pytest.mark.db


class Shifted:
    """A clock that can be put forward."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self):
        return utc_now() + self.by


@pytest.fixture(scope="module")
def clock() -> Shifted:
    return Shifted()


@pytest.fixture(scope="module")
async def app(service, settings, clock):
    made = service.app(settings, clock=clock)
    async with made.router.lifespan_context(made):
        yield made


@pytest.fixture(scope="module")
def more_settings():
    return {"uploads_per_hour": 5, "uploads_at_once": 2}


async def test_only_old_objects_of_this_door_that_no_row_names_are_swept(app, upload, clock, objects):
    made = await upload("a.csv", CSV)
    storage = desk_of(app).storage
    kept = set(objects())
    orphan, foreign = key_of(new_id(), utc_now()), "inbox/erp-7/orders.csv"
    for key in (orphan, foreign):
        await storage.put(key, b"x")

    assert made.status_code == 202
    assert await sweep_orphans(app) == 0
    clock.by = ORPHAN_AFTER + timedelta(minutes=1)
    try:
        assert await sweep_orphans(app) == 1
    finally:
        clock.by = timedelta()
    assert set(objects()) == {*kept, foreign}


async def test_a_user_may_send_so_many_an_hour_and_is_told_when_to_come_back(upload, signed_in, nothing_kept):
    planner = await signed_in("planner-many", "PLANNER")
    for _ in range(5):
        assert (await upload("a.csv", CSV, client=planner)).status_code == 202
    check = await nothing_kept()
    answer = await upload("a.csv", CSV, client=planner)

    assert (answer.status_code, answer.json()["code"]) == (429, "upload.too-many")
    assert int(answer.headers["retry-after"]) > 0
    await check()
    other = await signed_in("planner-few", "PLANNER")
    assert (await upload("a.csv", CSV, client=other)).status_code == 202


async def test_a_user_may_send_so_many_at_once(app):
    desk = desk_of(app)
    with desk.one_more("planner"), desk.one_more("planner"):
        with pytest.raises(TooManyUploads), desk.one_more("planner"):
            raise AssertionError
        with desk.one_more("another"):
            pass
    with desk.one_more("planner"):
        pass


async def test_a_store_that_is_full_is_503_and_leaves_no_row(upload, settings, rows, app, nothing_kept, tmp_path):
    desk, check = desk_of(app), await nothing_kept()
    (tmp_path / "taken").write_bytes(b"a file where the folder should be")
    broken = type(desk.storage)(f"file://{tmp_path}/taken/deeper")
    app.state.desk = type(desk)(desk.settings, broken)
    try:
        answer = await upload("a.csv", CSV)
    finally:
        app.state.desk = desk

    assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
    await check()
