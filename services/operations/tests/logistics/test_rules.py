"""The pure rules of transports."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from operations.logistics.rules import NEXT, TIMES, Capacity, Move, out_of_order, over, together
from takt_contracts.operations.logistics import TransportStatus as S

# Written out again, on purpose.
LEGAL = {
    "PROPOSED": {"assign": "ASSIGNED", "cancel": "CANCELLED"},
    "PLANNED": {"assign": "ASSIGNED", "cancel": "CANCELLED"},
    "ASSIGNED": {"assign": "ASSIGNED", "dispatch": "DISPATCHED", "cancel": "CANCELLED"},
    "DISPATCHED": {"depart": "DEPARTED", "cancel": "CANCELLED"},
    "DEPARTED": {"arrive": "ARRIVED"},
    "ARRIVED": {"deliver": "DELIVERED"},
}
MORNING = datetime(2026, 3, 2, 6, tzinfo=UTC)
capacities = some.builds(
    Capacity,
    pallets=some.none() | some.integers(0, 40),
    kilos=some.none() | some.decimals(0, 40_000, places=2),
)


@pytest.mark.parametrize("status", S)
@pytest.mark.parametrize("move", Move)
def test_only_listed_moves_are_legal(status: S, move: Move) -> None:
    assert NEXT.get((status, move)) == LEGAL.get(status, {}).get(move)


@given(some.lists(some.none() | some.integers(0, 48), min_size=4, max_size=4))
def test_times_are_in_order_exactly_when_no_later_one_comes_first(hours: list[int | None]) -> None:
    times = [None if hour is None else MORNING + timedelta(hours=hour) for hour in hours]
    known = [(name, time) for name, time in zip(TIMES, times, strict=True) if time is not None]
    wrong = [
        (earlier, later)
        for (earlier, before), (later, after) in pairwise(known)
        if after < before or (before == after and {earlier, later} != {"eta", "etd"} and _one_leg(earlier, later))
    ]
    assert out_of_order(zip(TIMES, times, strict=True)) == (wrong[0] if wrong else None)


def _one_leg(earlier: str, later: str) -> bool:
    return (earlier, later) in (("inbound_departure", "eta"), ("etd", "outbound_arrival"))


@given(capacities, capacities, some.integers(0, 100), some.decimals(0, 99_999, places=2))
def test_a_load_fits_when_neither_measure_is_over_what_is_said(
    a: Capacity, b: Capacity, pallets: int, kilos: Decimal
) -> None:
    room = together([a, b])
    fits_pallets = {a.pallets, b.pallets} == {None} or pallets <= (a.pallets or 0) + (b.pallets or 0)
    fits_kilos = {a.kilos, b.kilos} == {None} or kilos <= (a.kilos or 0) + (b.kilos or 0)
    assert (over(room, pallets=pallets, kilos=kilos) is None) == (fits_pallets and fits_kilos)


def test_without_vehicles_nothing_is_said() -> None:
    assert together([]) == Capacity(pallets=None, kilos=None)
