"""Queue accounting: what was put in against what came out.

Lost = acknowledged and never seen. Unexpected = seen and never attempted, or attempted and refused. Recovered =
indeterminate and seen, which is fine. Duplicate = seen again, an anomaly only where effects are promised once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from tests.faults.checkers.history import Out
from tests.faults.checkers.verdict import Anomaly, Verdict, judge


def account(attempted: Mapping[str, Out], seen: Iterable[str], *, once: bool = False, least: int = 1) -> Verdict:
    """`attempted` by unique value. Needs `least` acknowledged values to say anything."""
    copies = Counter(seen)
    counted = {
        "acknowledged": sum(out is Out.OK for out in attempted.values()),
        "seen": len(copies),
        "duplicates": copies.total() - len(copies),
        "recovered": sum(out is Out.INFO and value in copies for value, out in attempted.items()),
    }
    return judge("queue", _anomalies(attempted, copies, once), counted, {"acknowledged": least})


def _anomalies(attempted: Mapping[str, Out], copies: Counter[str], once: bool) -> Iterator[Anomaly]:
    for value, out in attempted.items():
        if out is Out.OK and value not in copies:
            yield Anomaly("lost", f"{value} was acknowledged and never seen")
    for value, times in copies.items():
        if attempted.get(value, Out.FAIL) is Out.FAIL:
            yield Anomaly("unexpected", f"{value} was seen; it was {'refused' if value in attempted else 'never sent'}")
        if once and times > 1:
            yield Anomaly("duplicate", f"{value} was seen {times} times")
