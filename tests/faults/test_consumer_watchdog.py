"""A consumer that stands still although its process lives is started again; nothing is lost or doubled by it."""

import pytest

from takt.embedded.ports import own_port
from tests.faults.harness import meters, ticks
from tests.faults.harness.plant import Plant
from tests.faults.harness.processes import until
from tests.faults.harness.reports import passes
from tests.faults.harness.ticks import Ticks

pytestmark = [pytest.mark.broker, pytest.mark.db, pytest.mark.long]
STUCK = "tests.faults.harness.stuck"


@pytest.mark.parametrize("standstill", ["HANGS_IN_ITS_HANDLER", "READS_NO_MORE"])
async def test_a_consumer_that_stands_still_is_started_again_once(plant: Plant, sent: Ticks, standstill: str) -> None:
    """The product waits a minute; shortened here."""
    address = f"http://127.0.0.1:{(port := own_port())}"
    patience = {"every_s": 0.5, "still_s": 4.0}
    child = plant.messaging("consumers", consumers=f"{STUCK}:{standstill}", metrics_port=port, patience=patience)
    await until(lambda: child.says("faults.stuck"), 20, "the consumer to stand still")
    await sent.send(range(8, 15))
    await ticks.consumed(plant, sent.group, within_s=60)

    assert child.code is None, child.tail()
    assert await meters.reading(address, "takt_consumer_restarts_total") == 1
    passes(await ticks.verdicts(plant, faults=1))
