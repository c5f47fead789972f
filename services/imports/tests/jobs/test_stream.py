"""Progress as it is told: never back, from where one was, to the end."""

import asyncio
from itertools import pairwise
from typing import Any
from uuid import UUID

import orjson
import pytest

from imports.jobs import queries, stream
from imports.jobs.consumers import take_answers
from imports.jobs.queries import Standing
from services.imports.tests.jobs.plant import Plant, applied, sheet, sums_up
from services.imports.tests.jobs.test_attempts import Died, interrupting
from takt_contracts.imports.jobs import ImportState, Totals

pytestmark = pytest.mark.db
ORDER = [state.value for state in ImportState]
NUMBERS = ("read", "validated", "sent", "answered")


async def follow(plant: Plant, import_id: UUID, last: str | None = None) -> tuple[list[dict[str, Any]], str | None]:
    """All that is told until the stream ends, and the last place in it."""
    headers = {} if last is None else {"last-event-id": last}
    answer = await plant.client.get(f"/api/v1/imports/{import_id}/stream", headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream")
    told, place = [], last
    for frame in answer.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in frame.split("\n") if line and not line.startswith(":"))
        if "data" in fields:
            assert fields["event"] == "progress"
            told.append(orjson.loads(fields["data"]))
            place = fields["id"]
    return told, place


def never_goes_back(told: list[dict[str, Any]]) -> bool:
    steps = list(pairwise(told))
    return all(
        ORDER.index(before["state"]) <= ORDER.index(after["state"])
        and all(before[name] <= after[name] for name in NUMBERS)
        and all(before["totals"][name] <= after["totals"][name] for name in after["totals"])
        for before, after in steps
    )


async def test_a_follower_sees_every_step_to_the_end(plant: Plant):
    import_id = await plant.upload(sheet(*[2] * 12, rejected=[4]))
    following = asyncio.create_task(follow(plant, import_id))
    await asyncio.sleep(0.3)
    await plant.work()
    await asyncio.sleep(0.3)
    while ready := (await plant.waiting(import_id))[:3]:
        await plant.deliver(take_answers, *(applied(one) for one in ready))
        plant.answered[import_id] = plant.answered.get(import_id, 0) + len(ready)
        await asyncio.sleep(0.3)
    told, _ = await following
    assert [told[0]["state"], told[-1]["state"]] == ["uploaded", "done"]
    assert never_goes_back(told)
    assert len(told) >= 4
    last = told[-1]
    assert [last[name] for name in NUMBERS] == [24, 23, 23, 23]
    assert last["totals"] | {"rows": 24, "created": 23, "rejected": 1} == last["totals"]


async def test_reading_that_begins_anew_is_no_step_back(plant: Plant):
    async def die() -> None:
        raise Died

    import_id = await plant.upload(sheet(3, 3, 3, rejected=[2]))
    with pytest.raises(Died):
        await interrupting(plant, 2, die)(await plant.claim())
    before = await queries.standing(plant.context.db, import_id)
    assert before.numbers[0] == 6
    await plant.expire_leases()
    lease = await plant.claim()

    async def look() -> None:
        now = await queries.standing(plant.context.db, import_id)
        assert now.numbers[0] == 0
        shown = now.after(stream.told_before(stream.frame(before).split(b"\n")[0][4:].decode()))
        assert (shown.numbers, shown.totals) == (before.numbers, before.totals)

    await interrupting(plant, 0, look)(lease)
    await plant.answer_all(import_id)
    told, _ = await follow(plant, import_id)
    assert told[-1]["state"] == "done"


async def test_a_plan_is_followed_to_its_plan_and_the_commit_to_its_end(plant: Plant):
    import_id = await plant.imported(sheet(4), mode="plan")
    told, place = await follow(plant, import_id)
    assert [one["state"] for one in told] == ["planned"]
    assert told[0]["totals"]["created"] == 4
    await plant.order(import_id, "commit")
    following = asyncio.create_task(follow(plant, import_id, place))
    await asyncio.sleep(0.3)
    await plant.answer_all(import_id)
    more, _ = await following
    assert never_goes_back([{**one, "totals": {}} for one in told + more])
    assert (more[-1]["state"], more[-1]["sent"], sums_up(more[-1]["totals"])) == ("done", 8, True)


async def test_an_import_that_waits_for_a_person_is_followed_to_there(plant: Plant):
    import_id = await plant.upload(sheet(1, target=None), template=None)
    await plant.work()
    assert [one["state"] for one in (await follow(plant, import_id))[0]] == ["mapped"]


@pytest.mark.parametrize("word", ["", "x", "1-2", "-1", "9" * 400, "1-2-3-4-5-6-7-8-9-10-11-12-13-14"])
async def test_a_place_that_is_not_ours_is_the_beginning(plant: Plant, word: str):
    assert stream.told_before(word) is None
    import_id = await plant.imported(sheet(1))
    assert (await follow(plant, import_id, word or "x"))[0][-1]["state"] == "done"


def standing(state: ImportState = ImportState.COMMITTING) -> Standing:
    return Standing(state, False, 2, (1, 2, 3, 4), tuple(range(len(Totals.model_fields))))


def test_a_place_is_read_as_it_was_written():
    place = stream.frame(standing()).split(b"\n")[0].removeprefix(b"id: ").decode()
    read = stream.told_before(place)
    assert read is not None
    assert (read.phase, read.numbers, read.totals) == (2, standing().numbers, standing().totals)


async def test_a_quiet_stream_is_kept_alive_and_ends_with_the_process(plant: Plant):
    import_id = await plant.upload(sheet(1))
    streams, ticks = stream.Streams(most=1), iter(range(0, 10**6, 20))
    told = stream.frames(plant.context.db, import_id, None, streams, lambda: float(next(ticks)))
    pieces = [await anext(told) for _ in range(4)]
    assert pieces[0].startswith(b"retry:")
    assert pieces[2] == pieces[3] == b": still here\n\n"
    assert streams.open == 1
    streams.ended.set()
    assert [piece async for piece in told] == []
    assert streams.open == 0
    await plant.order(import_id, "cancel")


async def test_no_more_streams_than_there_may_be(plant: Plant, app):
    import_id = await plant.imported(sheet(1))
    streams = stream.streams_of(app)
    streams.open += streams.most
    answer = await plant.client.get(f"/api/v1/imports/{import_id}/stream")
    streams.open -= streams.most
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        429, "import.too-many-streams", "2",
    )  # fmt: skip
