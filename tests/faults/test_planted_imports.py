"""Wrong workers of imports are convicted within one run each; the product passes the same run."""

from functools import partial

import pytest

from tests.faults.checkers.verdict import Verdict, enough
from tests.faults.harness import journeys
from tests.faults.harness.reports import convicts, passes
from tests.faults.harness.road import Road

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.db, pytest.mark.timeout(180)]
PLANTED = "tests.faults.planted.imports"


async def killed_in_the_middle(road: Road, attempts: str) -> list[Verdict]:
    """The worker dies behind its third batch, and another of its kind takes the file over."""
    for part in ("gateway", "imports", "operations"):
        road.start(part)
    victim = road.start_worker(attempts, "import.mid_batch:3")
    async with journeys.dying(victim, partial(road.start_worker, attempts)) as deaths:
        verdicts = await journeys.journey(road, journeys.ONE_BIG_FILE, within_s=40)
    return [enough(faults=(sum(deaths), 1)), *verdicts]


@pytest.mark.parametrize(
    ("attempts", "kinds"),
    [
        ("ResumesBehindTheNext", ("missing", "lost")),
        ("ReadsAgainWithoutRowKeys", ("doubled", "sums")),
    ],
)
async def test_a_wrong_worker_is_convicted(road: Road, attempts: str, kinds: tuple[str, ...]) -> None:
    convicts(await killed_in_the_middle(road, f"{PLANTED}:{attempts}"), *kinds)


async def test_the_worker_of_the_product_passes_the_same_run(road: Road) -> None:
    passes(await killed_in_the_middle(road, "imports.jobs.reading:Attempts"))
