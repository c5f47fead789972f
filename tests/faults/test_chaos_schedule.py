"""The same seed gives the same faults at the same times, whatever else there is."""

from itertools import pairwise

import pytest

from tests.faults.chaos.menu import menu
from tests.faults.chaos.schedule import TAIL_S, WARM_UP_S, Span, schedule

MENU = {f"fault {number}": Span(1.0, 5.0) for number in range(8)}


def test_a_seed_is_replayed() -> None:
    turned = dict(reversed(MENU.items()))

    assert schedule(7, 3, MENU) == schedule(7, 3, MENU) == schedule(7, 3, turned)
    assert schedule(7, 3, MENU) != schedule(8, 3, MENU)


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    short = schedule(7, 2, MENU)

    assert schedule(7, 5, MENU)[: len(short)] == short


@pytest.mark.parametrize("seed", range(20))
def test_one_fault_comes_after_the_other_and_none_into_the_tail(seed: int) -> None:
    steps = schedule(seed, 2, MENU)

    assert steps[0].at_s == WARM_UP_S
    assert all(later.at_s > earlier.ends_s for earlier, later in pairwise(steps))
    assert steps[-1].ends_s <= 120 - TAIL_S


def test_every_fault_comes_before_any_comes_again() -> None:
    names = [step.fault for step in schedule(3, 5, MENU)]

    assert len(names) > len(MENU)
    assert set(names[: len(MENU)]) == set(MENU)


def test_a_run_of_no_time_has_one_fault_still() -> None:
    assert len(schedule(1, 0, MENU)) == 1


def test_a_stack_without_links_gets_no_fault_of_the_network() -> None:
    without, every = menu(links=False), menu(links=True)

    assert "kill operations-relay" in without
    assert (
        {name for name in every if name not in without} == {n for n, dish in every.items() if dish.needs_links} != set()
    )
