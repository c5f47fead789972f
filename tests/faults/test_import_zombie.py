"""A worker that sleeps longer than its lease in the middle of a file, and wakes up when another has taken it over."""

import asyncio
from functools import partial

import pytest

from tests.e2e.stack import until
from tests.faults.checkers.verdict import enough
from tests.faults.harness import journeys, meters
from tests.faults.harness.processes import Child
from tests.faults.harness.reports import passes
from tests.faults.harness.road import PARTS, Road

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.db, pytest.mark.timeout(240)]
FILE = [("SLOW", 30_000)]
_HALF_READ = "SELECT EXISTS (SELECT FROM import_work WHERE rows_read >= 1000 AND finished_at IS NULL)"
_TAKEN_OVER = "SELECT EXISTS (SELECT FROM import_work WHERE epoch > 1)"


async def asleep_until_taken_over(road: Road, worker: Child) -> int:
    """Answers whether it slept."""
    await until(partial(road.reading, _HALF_READ), 60)
    worker.pause()
    road.start("heir")
    await until(partial(road.reading, _TAKEN_OVER), 40)
    slept = int(worker.is_stopped)
    worker.resume()
    return slept


async def test_a_worker_that_wakes_up_behind_its_lease_changes_nothing(road: Road) -> None:
    started = {part: road.start(part) for part in PARTS}
    travelling = asyncio.create_task(journeys.journey(road, FILE, within_s=120))
    slept = await asleep_until_taken_over(road, started["worker"])
    verdicts = await travelling

    resumes = int(await meters.reading(road.address("heir"), "takt_import_resumes_total"))
    guard = enough(slept=(slept, 1), fenced=(int(started["worker"].says("work.fenced")), 1), resumes=(resumes, 1))
    passes([guard, *verdicts])
