"""Whether clients really met: operations on one key at one time. Without them a race proves nothing."""

from collections.abc import Iterable

from tests.faults.checkers.history import Op


def meetings(history: Iterable[Op]) -> int:
    """How many operations began while an earlier one on their key was under way. Given in the order of their start."""
    busy_until: dict[str, float] = {}
    met = 0
    for op in history:
        until = busy_until.get(op.key, float("-inf"))
        met += op.t0 < until
        busy_until[op.key] = max(until, op.t1)
    return met
