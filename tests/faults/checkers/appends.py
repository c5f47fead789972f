"""List-append ledger: an effect appends its version to a list per key, so one read shows loss, duplicate and order."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from tests.faults.checkers.verdict import Anomaly, Verdict, judge


def exactly_once(lists: Mapping[str, Sequence[int]], told: Mapping[str, int], *, least: int = 1) -> Verdict:
    """Every list is 1..n, where `told` says n per key. Kinds: lost, duplicate, disorder, unexpected."""
    anomalies = [anomaly for key in lists.keys() | told.keys() for anomaly in _judge(key, lists, told)]
    applied = sum(len(found) for found in lists.values())
    return judge("appends", anomalies, {"keys": len(lists), "applied": applied}, {"applied": least})


def _judge(key: str, lists: Mapping[str, Sequence[int]], told: Mapping[str, int]) -> Iterator[Anomaly]:
    found, last = lists.get(key, ()), told.get(key, 0)
    distinct = set(found)
    if lost := [version for version in range(1, last + 1) if version not in distinct]:
        yield Anomaly("lost", f"{key} has no effect of versions {lost[:5]}")
    if strange := [version for version in found if not 1 <= version <= last]:
        yield Anomaly("unexpected", f"{key} has effects of versions {strange[:5]} that were not told")
    if len(found) > len(distinct):
        yield Anomaly("duplicate", f"{key} has {len(found)} effects of {len(distinct)} versions")
    if any(later < earlier for earlier, later in pairwise(found)):
        yield Anomaly("disorder", f"{key} has its effects out of order: {list(found)[:20]}")
