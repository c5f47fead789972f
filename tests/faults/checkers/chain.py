"""Version chain: each accepted write takes its key from one version to the next, and no two start from the same.

An acknowledged write is never older than one that had been acknowledged before it began.
"""

from collections.abc import Iterable, Iterator, Mapping

from tests.faults.checkers.history import Op, Out
from tests.faults.checkers.verdict import Anomaly, Verdict, judge

Slots = dict[int, Op]


def unbroken(history: Iterable[Op], final: Mapping[str, int], *, first: int = 1, least: int = 1) -> Verdict:
    """`ver` of an ok write is the version it made; `final` is the version each key has at the end, `first` its first
    by a write. Kinds: twice, beyond, missing, backwards.
    """
    acked: dict[str, Slots] = {key: {} for key in final}
    unsure: dict[str, int] = dict.fromkeys(final, 0)
    anomalies: list[Anomaly] = []
    for op in history:
        if op.out is Out.INFO:
            unsure[op.key] = unsure.get(op.key, 0) + 1
        elif op.out is Out.OK and op.ver is not None:
            anomalies.extend(_place(acked.setdefault(op.key, {}), op))
    for key, slots in acked.items():
        anomalies.extend(_judge(key, slots, range(first, final.get(key, 0) + 1), unsure.get(key, 0)))
    writes = sum(len(slots) for slots in acked.values())
    return judge("chain", anomalies, {"keys": len(acked), "writes": writes}, {"writes": least})


def _place(slots: Slots, op: Op) -> Iterator[Anomaly]:
    assert op.ver is not None
    if op.ver in slots:
        yield Anomaly("twice", f"{op.key} v{op.ver} was acknowledged to {slots[op.ver].val} and {op.val}")
    slots.setdefault(op.ver, op)


def _judge(key: str, slots: Slots, versions: range, unsure: int) -> Iterator[Anomaly]:
    if beyond := [version for version in slots if version not in versions]:
        yield Anomaly("beyond", f"{key} acknowledged {beyond[:5]}, its versions are {versions}")
    missing = [version for version in versions if version not in slots]
    if len(missing) > unsure:
        yield Anomaly("missing", f"{key} has versions {missing[:5]} that nobody wrote; {unsure} writes are unsure")
    began = float("-inf")
    for version in versions:
        op = slots.get(version)
        if op is None:
            continue
        if op.t1 < began:
            yield Anomaly("backwards", f"{key} v{version} was acknowledged before a write of an older version began")
        began = max(began, op.t0)
