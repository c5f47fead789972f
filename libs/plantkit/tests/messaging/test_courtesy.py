"""When a backlog goes in parts, and when it does not."""

import time
from typing import Any

import pytest

from plantkit.messaging.courtesy import COURTEOUS_S, PART, RUSH, Asked, Courtesy

PAGE: Any = list(range(2_000))


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sizes(courtesy: Courtesy) -> set[int]:
    return {len(part) for part in courtesy.parts(PAGE)}


async def walked(clock: Clock, *, asked: bool, rows: int = RUSH) -> Courtesy:
    """So far; `asked`: somebody has committed meanwhile."""
    who = Asked(clock)
    courtesy = Courtesy(who)
    await courtesy.rest(rows)
    if asked:
        who.note()
    return courtesy


async def test_what_is_on_its_way_in_an_ordinary_import_goes_as_it_is(clock: Clock) -> None:
    assert sizes(await walked(clock, asked=True, rows=RUSH - 1)) == {len(PAGE)}


async def test_a_backlog_beside_commands_goes_in_parts_and_none_is_left_out(clock: Clock) -> None:
    courtesy = await walked(clock, asked=True)

    assert sizes(courtesy) == {PART}
    assert [row for part in courtesy.parts(PAGE) for row in part] == PAGE


async def test_a_backlog_that_disturbs_nobody_goes_in_whole_pages(clock: Clock) -> None:
    assert sizes(await walked(clock, asked=False)) == {len(PAGE)}


async def test_the_commit_that_brought_the_backlog_is_not_disturbed_by_it(clock: Clock) -> None:
    who = Asked(clock)
    who.note()
    clock.now_s += 0.001
    courtesy = Courtesy(who)
    await courtesy.rest(RUSH)

    assert sizes(courtesy) == {len(PAGE)}


async def test_a_second_after_the_last_commit_nobody_is_disturbed_any_more(clock: Clock) -> None:
    courtesy = await walked(clock, asked=True)

    clock.now_s += 1

    assert sizes(courtesy) == {len(PAGE)}


async def test_after_a_part_it_rests_longer_than_it_worked(clock: Clock) -> None:
    courtesy = await walked(clock, asked=True)
    clock.now_s += 0.01
    began = time.monotonic()

    await courtesy.rest(PART)

    assert time.monotonic() - began >= 0.05


async def test_a_backlog_does_not_wait_for_ever(clock: Clock) -> None:
    who = Asked(clock)
    courtesy = Courtesy(who)
    clock.now_s += COURTEOUS_S
    await courtesy.rest(RUSH)

    who.note()

    assert sizes(courtesy) == {len(PAGE)}
