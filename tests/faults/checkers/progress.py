"""Progress after heal: once all faults are gone, something succeeds in every window until the load ends."""

from collections.abc import Iterable, Iterator

from tests.faults.checkers.history import Op, Out
from tests.faults.checkers.verdict import Anomaly, Verdict, judge


def after_heal(
    history: Iterable[Op], *, healed_at: float, ended_at: float, window_s: float = 10.0, least: int = 1
) -> Verdict:
    """Kind: stall. Needs `least` acknowledged operations after `healed_at`, given in the order of their end."""
    times = [op.t1 for op in history if op.out is Out.OK and op.t1 >= healed_at]
    return judge("progress", _stalls(times, healed_at, ended_at, window_s), {"acknowledged": len(times)},
                 {"acknowledged": least})  # fmt: skip


def _stalls(times: list[float], healed_at: float, ended_at: float, window_s: float) -> Iterator[Anomaly]:
    last = healed_at
    for moment in [*times, ended_at]:
        if moment - last > window_s:
            yield Anomaly("stall", f"nothing succeeded between {last:.1f} s and {moment:.1f} s")
        last = max(last, moment)
