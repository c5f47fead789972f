"""Processes are killed on the road of a file and started again: same tables, same totals, every row once."""

from functools import partial

import pytest

from tests.faults.checkers.verdict import enough
from tests.faults.harness import journeys, meters, points
from tests.faults.harness.journeys import MANY_FILES, ONE_BIG_FILE
from tests.faults.harness.reports import passes
from tests.faults.harness.road import PARTS, Road

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.db, pytest.mark.timeout(180)]
STORE, BATCH, LAST = points.IMPORT
WAYS = [
    (STORE, "gateway", MANY_FILES),
    (BATCH, "worker", ONE_BIG_FILE),
    (BATCH, "operations", ONE_BIG_FILE),
    (LAST, "worker", MANY_FILES),
    (LAST, "imports", MANY_FILES),
]


@pytest.mark.parametrize("passage", points.PASSAGES)
@pytest.mark.parametrize(("point", "part", "files"), WAYS, ids=lambda value: value if isinstance(value, str) else "")
async def test_every_row_arrives_once_whoever_is_killed(
    road: Road, point: str, part: str, files: list[tuple[str, int]], passage: int
) -> None:
    started = {name: road.start(name, f"{point}:{passage}" if name == part else None) for name in PARTS}
    async with journeys.dying(started[part], partial(road.start, part)) as deaths:
        verdicts = await journeys.journey(road, files)
    numbers = {"faults": (sum(deaths), 1)}
    if part == "worker":
        numbers["resumes"] = (int(await meters.reading(road.address(part), "takt_import_resumes_total")), 1)

    passes([enough(**numbers), *verdicts])
