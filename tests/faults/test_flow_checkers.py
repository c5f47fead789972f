"""The checkers of traces and of the flow convict planted histories, and pass good ones."""

from fractions import Fraction
from uuid import UUID

import pytest

from tests.faults.checkers import flow, traces
from tests.faults.checkers.flow import Entry, Step
from tests.faults.checkers.traces import Seen
from tests.faults.checkers.verdict import Truth

PAGE = """
| status | on hold | event | becomes | on hold |
|---|---|---|---|---|
| - | - | created | NEW | no |
| NEW | no | started | BUSY | no |
| BUSY | no | held | BUSY | yes |
"""
GOOD = [("created", "NEW", "no"), ("started", "BUSY", "no"), ("held", "BUSY", "yes")]


def told(*facts: tuple[str, str, str], start: int = 1) -> list[Seen]:
    return [Seen(key="A", version=n, place=(to, held), fact=fact) for n, (fact, to, held) in enumerate(facts, start)]


def read(version: int, status: str, held: str = "no") -> Seen:
    return Seen(key="A", version=version, place=(status, held))


def test_a_trace_of_the_table_is_true_in_any_order_and_with_copies() -> None:
    seen = told(*GOOD)

    verdict = traces.included([*reversed(seen), *seen], [read(2, "BUSY"), read(1, "NEW")], traces.published(PAGE))

    assert (verdict.truth, verdict.counted) == (Truth.TRUE, {"keys": 1, "steps": 3, "reads": 2})


@pytest.mark.parametrize(
    ("seen", "reads", "kind"),
    [
        (told(GOOD[0], GOOD[2]), [], "unlisted"),
        (told(GOOD[1]), [], "unlisted"),
        (told(*GOOD, ("started", "BUSY", "no")), [], "unlisted"),
        (told(*GOOD[1:], start=2), [], "gap"),
        (told(*GOOD) + told(GOOD[1], start=3), [], "twofold"),
        (told(*GOOD), [read(2, "NEW")], "untold"),
        (told(*GOOD), [read(4, "BUSY", "yes")], "untold"),
    ],
)
def test_a_planted_trace_is_convicted(seen: list[Seen], reads: list[Seen], kind: str) -> None:
    verdict = traces.included(seen, reads, traces.published(PAGE))

    assert (verdict.truth, verdict.kinds) == (Truth.FALSE, frozenset({kind}))


def test_too_few_steps_are_no_proof() -> None:
    assert traces.included(told(*GOOD), [], traces.published(PAGE), least=4).truth is Truth.UNKNOWN


def step(number: str, good: int, scrap: int = 0, **other: object) -> Step:
    given = {"desired": 100, "processed": good + scrap, "good": good, "scrap": scrap} | other
    flows = bool(given.pop("flows", True))
    return Step(number=number, flows=flows, **{name: Fraction(str(value)) for name, value in given.items()})


@pytest.mark.parametrize(
    ("moment", "kind"),
    [
        ([step("10", 50), step("20", 40, 11)], "overdrawn"),
        ([step("10", 50), step("20", 0, flows=False), step("30", 51)], "overdrawn"),
        ([step("10", 50), step("20", 51, tolerance_percent="1.9")], "overdrawn"),
        ([step("10", 101)], "overbooked"),
        ([step("10", -1, 2)], "negative"),
        ([step("10", 50, 1, processed=50)], "uneven"),
    ],
)
def test_a_planted_moment_is_convicted(moment: list[Step], kind: str) -> None:
    verdict = flow.within([[step("10", 50)], moment])

    assert (verdict.truth, verdict.kinds) == (Truth.FALSE, frozenset({kind}))


def test_what_was_handed_over_may_be_processed_to_the_piece() -> None:
    moments = [
        [step("20", 40, 10), step("10", 50)],
        [step("10", 50), step("20", 51, tolerance_percent="2")],
        [step("10", 50), step("20", 99, flows=False), step("30", 50)],
    ]

    assert flow.within(moments).truth is Truth.TRUE


def entry(number: int, corrects: int | None = None, operation: str = "10") -> Entry:
    wrong = None if corrects is None else UUID(int=corrects)
    return Entry(id=UUID(int=number), operation=operation, number=number, corrects=wrong)


@pytest.mark.parametrize(
    ("entries", "kind"),
    [
        ([entry(1), entry(2, 9)], "unfounded"),
        ([entry(1), entry(2, 1, "20")], "unfounded"),
        ([entry(1, 2), entry(2)], "unfounded"),
        ([entry(1), entry(2, 1), entry(3, 2)], "recorrected"),
        ([entry(1), entry(2, 1), entry(3, 1)], "twice"),
    ],
)
def test_a_planted_correction_is_convicted(entries: list[Entry], kind: str) -> None:
    verdict = flow.corrections(entries)

    assert (verdict.truth, verdict.kinds) == (Truth.FALSE, frozenset({kind}))
    assert flow.corrections([entry(1), entry(2, 1)]).truth is Truth.TRUE
