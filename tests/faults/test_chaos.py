"""Whole stacks under composite faults, as `takt chaos` puts them in. A run that convicts is run again by its seed."""

import pytest

from tests.faults.chaos.run import composite
from tests.faults.harness.links import linked_stack
from tests.faults.harness.reports import passes

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.timeout(590)]
SEEDS = (1, 2, 3, 4, 5, 6)
MINUTES = 2.0


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_doubled_or_turned_round_in_a_disturbed_stack(seed: int) -> None:
    with linked_stack() as linked:
        passes(await composite(linked, seed, MINUTES, print).verdicts())
