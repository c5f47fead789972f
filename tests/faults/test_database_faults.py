"""The database restarts, loses a session, has no room, locks a row, is far away: refusals are 503, nothing is lost.

Fault rows 29 to 33.
"""

from collections.abc import Iterator
from statistics import median

import pytest

from tests.faults.checkers.history import Out
from tests.faults.harness.links import Linked, linked_stack
from tests.faults.harness.reports import passes
from tests.faults.harness.single import Seen, suffered

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.timeout(580)]
API = "operations"
_PATIENCE_S = 6.0
_SECONDS = "takt_http_request_seconds"


@pytest.fixture(scope="module")
def linked() -> Iterator[Linked]:
    with linked_stack() as made:
        yield made


def unsure(seen: Seen) -> list[int | None]:
    """What operations that were not answered for sure got instead: 503, or nothing."""
    return [op.http for op in seen.history if op.out is Out.INFO]


@pytest.mark.parametrize("fault", ["postgres restarts at once", "kill a backend"])
async def test_the_services_find_a_restarted_database_again(linked: Linked, fault: str) -> None:
    seen = await suffered(linked, fault, 2, API)

    passes(seen.verdicts)
    assert seen.watches[API].lowest("takt_db_up") == 0
    assert seen.watches[API].sights[-1].metrics["takt_db_up"] == 1
    assert seen.resumed_s <= 30


async def test_a_database_without_room_is_a_503_and_is_over_at_once(linked: Linked) -> None:
    seen = await suffered(linked, "connections exhausted", 6, API)

    passes(seen.verdicts)
    assert 503 in unsure(seen)
    assert seen.watches[API].lowest("takt_db_up") == 0
    assert seen.resumed_s <= 5


async def test_a_row_that_somebody_holds_is_refused_within_the_lock_time_out(linked: Linked) -> None:
    seen = await suffered(linked, "row locked", 8, API)

    passes(seen.verdicts)
    assert 503 in unsure(seen)
    assert max(op.t1 - op.t0 for op in seen.history if op.http == 503) <= _PATIENCE_S
    assert seen.watches[API].rise("takt_refusals_total") >= unsure(seen).count(503)


@pytest.mark.parametrize("fault", ["slow postgres", "postgres late"])
async def test_a_database_that_is_far_away_is_slower_and_right(linked: Linked, fault: str) -> None:
    seen = await suffered(linked, fault, 5, API)

    passes(seen.verdicts)
    before = [op.t1 - op.t0 for op in seen.answered(Out.OK, since=0, until=seen.landed_at)]
    slowed = [op.t1 - op.t0 for op in seen.history if op.out is Out.OK and seen.landed_at < op.t0 < seen.healed_at]
    assert median(slowed) > 1.5 * median(before)
    shown = seen.watches[API].mean(_SECONDS, since=seen.landed_at, until=seen.healed_at + 1)  # what was held ends then
    assert shown > 1.5 * seen.watches[API].mean(_SECONDS, since=0, until=seen.landed_at)


async def test_a_database_whose_connections_are_reset_is_found_again(linked: Linked) -> None:
    seen = await suffered(linked, "postgres resets", 1, API)

    passes(seen.verdicts)
    assert seen.resumed_s <= 30
