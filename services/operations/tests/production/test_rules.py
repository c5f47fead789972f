"""The transition table, written out again on purpose, and shifts."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.production.rules import NEXT, Action, room_left
from operations.production.shifts import shift_window
from takt_contracts.operations.production import Status

LEGAL = {
    ("RELEASED", "start", "IN_PROGRESS"),
    ("RELEASED", "hold", "RELEASED"),
    ("RELEASED", "resume", "RELEASED"),
    ("RELEASED", "cancel", "CANCELLED"),
    ("IN_PROGRESS", "report", "IN_PROGRESS"),
    ("IN_PROGRESS", "hold", "IN_PROGRESS"),
    ("IN_PROGRESS", "resume", "IN_PROGRESS"),
    ("IN_PROGRESS", "finish", "FINISHED"),
    ("IN_PROGRESS", "cancel", "CANCELLED"),
    ("IN_PROGRESS", "correct", "IN_PROGRESS"),
    ("FINISHED", "correct", "FINISHED"),
    ("CANCELLED", "correct", "CANCELLED"),
}


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("action", Action)
def test_only_listed_moves_are_legal(status: Status, action: Action) -> None:
    to = NEXT.get((status, action))

    assert (
        {(str(status), str(action), str(to))} <= LEGAL
        if to
        else not any((str(status), str(action)) == (a, b) for a, b, _ in LEGAL)
    )


@given(st.decimals("0", "1e9", places=6), st.decimals("0", "1e9", places=6))
def test_room_is_never_negative_and_never_more_than_the_ceiling(most: Decimal, processed: Decimal) -> None:
    left = room_left(ceiling=most, processed=processed)

    assert 0 <= left <= most
    assert processed >= most or processed + left == most


THREE = (time(6), time(14), time(22))


def test_a_shift_lasts_until_the_next_begins() -> None:
    start, end = shift_window(date(2026, 3, 2), 1, THREE, ZoneInfo("UTC"))

    assert (start, end) == (datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 2, 14, tzinfo=UTC))


def test_the_night_shift_ends_on_the_next_day() -> None:
    _, end = shift_window(date(2026, 3, 2), 3, THREE, ZoneInfo("UTC"))

    assert end == datetime(2026, 3, 3, 6, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 28), 7), (date(2026, 10, 24), 9), (date(2026, 6, 1), 8)])
def test_the_night_when_clocks_change_is_shorter_or_longer(day: date, hours: int) -> None:
    start, end = shift_window(day, 3, THREE, ZoneInfo("Europe/Prague"))

    assert (end - start).total_seconds() == hours * 3600


@pytest.mark.parametrize("number", [0, 4])
def test_a_day_has_no_other_shifts(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 3"):
        shift_window(date(2026, 3, 2), number, THREE, ZoneInfo("UTC"))
