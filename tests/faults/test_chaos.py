"""Whole stacks under composite faults, as `takt chaos` puts them in. A run that convicts is run again by its seed."""

import os
import subprocess
import sys

import pytest

from takt.workspace import root
from tests.e2e.stack import running_stack
from tests.faults.chaos.run import composite
from tests.faults.harness.links import linked_stack
from tests.faults.harness.reports import passes

pytestmark = [pytest.mark.long, pytest.mark.broker, pytest.mark.timeout(590)]
SEEDS = (1, 2, 3)
MINUTES = 2.0


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_is_lost_doubled_or_turned_round_in_a_disturbed_stack(seed: int) -> None:
    with linked_stack() as linked:
        passes(await composite(linked, seed, MINUTES, print).verdicts())


def test_the_command_disturbs_a_test_stack_that_somebody_else_started() -> None:
    with running_stack("--test", "--split") as stack:
        argv = [sys.executable, "-m", "takt", "chaos", "--seed", "7", "--minutes", "1", "--data", str(stack.data)]
        environment = {name: value for name, value in os.environ.items() if name != "UV"}
        done = subprocess.run(
            argv, capture_output=True, text=True, timeout=400, check=False, cwd=root(), env=environment
        )

    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "faults of the network are left out" in done.stdout
    assert "seed 7: true" in done.stdout
