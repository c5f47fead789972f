"""How a run ends: its verdicts are shown, and it passes or convicts."""

from collections import Counter
from collections.abc import Sequence

from tests.faults.checkers.verdict import Truth, Verdict, overall


def passes(verdicts: Sequence[Verdict]) -> None:
    """Every checker says true; unknown is not enough."""
    assert overall(verdicts) is Truth.TRUE, told(verdicts)
    print(shown(verdicts))


def told(verdicts: Sequence[Verdict]) -> str:
    """Why a run does not pass in the first line, which is all that a log shows that was cut; then every verdict."""
    doubted = [verdict for verdict in verdicts if verdict.truth is not Truth.TRUE]
    reasons = "; ".join(map(_reason, doubted)) or "no verdict"
    believed = [verdict for verdict in verdicts if verdict.truth is Truth.TRUE]
    return reasons + shown([*doubted, *believed])


def _reason(verdict: Verdict) -> str:
    """In a few words: how many anomalies of which kinds, or what there was too little of."""
    kinds = Counter(anomaly.kind for anomaly in verdict.anomalies)
    found = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{verdict.checker} {verdict.truth} ({found or ', '.join(verdict.lacking)})"


def convicts(verdicts: Sequence[Verdict], *kinds: str) -> None:
    """At least one checker says false, for one of these reasons."""
    found = frozenset[str]().union(*(verdict.kinds for verdict in verdicts))
    assert overall(verdicts) is Truth.FALSE, shown(verdicts)
    assert found & set(kinds), shown(verdicts)
    print(shown(verdicts))


def shown(verdicts: Sequence[Verdict]) -> str:
    return "\n" + "\n".join(map(str, verdicts))
