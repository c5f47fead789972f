"""A run passes only when every checker says true, and convicts only for the reason it was made for."""

import pytest

from tests.faults.checkers.verdict import Anomaly, Verdict, judge
from tests.faults.harness.reports import convicts, passes

GOOD = judge("good", (), {"n": 1}, {"n": 1})
UNKNOWN = judge("unknown", (), {"n": 0}, {"n": 1})
BAD = judge("bad", [Anomaly("lost", "a was acknowledged and never seen")], {})


def test_a_run_that_every_checker_believes_passes(capsys: pytest.CaptureFixture[str]) -> None:
    passes([GOOD, GOOD])

    assert "good: true (n 1)" in capsys.readouterr().out


@pytest.mark.parametrize("verdicts", [[], [GOOD, UNKNOWN], [GOOD, BAD]])
def test_a_run_that_is_doubted_fails(verdicts: list[Verdict]) -> None:
    with pytest.raises(AssertionError):
        passes(verdicts)


def test_why_a_run_is_doubted_is_said_first() -> None:
    with pytest.raises(AssertionError) as doubted:
        passes([GOOD, UNKNOWN, BAD])

    first, *rest = str(doubted.value).splitlines()
    assert first == "unknown unknown (n: 0 of 1); bad false (1 lost)"
    assert [line for line in rest if not line.startswith(" ")] == [
        "unknown: unknown (n 0)",
        "bad: false ()",
        "good: true (n 1)",
    ]


def test_a_planted_bug_is_convicted_for_its_own_reason(capsys: pytest.CaptureFixture[str]) -> None:
    convicts([GOOD, BAD], "lost", "gap")

    assert "lost: a was acknowledged and never seen" in capsys.readouterr().out


@pytest.mark.parametrize(("verdicts", "kind"), [([GOOD], "lost"), ([UNKNOWN], "lost"), ([GOOD, BAD], "duplicate")])
def test_a_planted_bug_that_gets_away_fails(verdicts: list[Verdict], kind: str) -> None:
    with pytest.raises(AssertionError):
        convicts(verdicts, kind)


def test_a_long_list_of_anomalies_is_cut() -> None:
    many = judge("bad", [Anomaly("lost", str(number)) for number in range(12)], {})

    assert str(many).endswith("... 2 more")
