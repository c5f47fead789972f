"""How a run ends: its verdicts are shown, and it passes or convicts."""

from collections.abc import Sequence

from tests.faults.checkers.verdict import Truth, Verdict, overall


def passes(verdicts: Sequence[Verdict]) -> None:
    """Every checker says true; unknown is not enough."""
    assert overall(verdicts) is Truth.TRUE, shown(verdicts)
    print(shown(verdicts))


def convicts(verdicts: Sequence[Verdict], *kinds: str) -> None:
    """At least one checker says false, for one of these reasons."""
    found = frozenset[str]().union(*(verdict.kinds for verdict in verdicts))
    assert overall(verdicts) is Truth.FALSE, shown(verdicts)
    assert found & set(kinds), shown(verdicts)
    print(shown(verdicts))


def shown(verdicts: Sequence[Verdict]) -> str:
    return "\n" + "\n".join(map(str, verdicts))
