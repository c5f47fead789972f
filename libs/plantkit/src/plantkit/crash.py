"""Crash points: named places where a test kills the process, because random kills rarely hit a window of 1 ms.

`TAKT_CRASH_POINT=<name>:<k>` kills at the k-th passage of that name. Without it a point does nothing; production mode
refuses to start with it. The variable is read at each passage: services are forked from a process that has this module.
"""

import os
import signal
from collections import Counter

VARIABLE = "TAKT_CRASH_POINT"
_passages: Counter[str] = Counter()


def point(name: str) -> None:
    """Die here, if this is the passage that the environment names."""
    if armed(name):
        _passages[name] += 1
        if _passages[name] == _wanted_passage():
            os.kill(os.getpid(), signal.SIGKILL)


def armed(name: str) -> bool:
    """Whether the environment names this point, at whatever passage."""
    wanted = os.environ.get(VARIABLE)
    return wanted is not None and wanted.partition(":")[0] == name


def _wanted_passage() -> int:
    return int(os.environ[VARIABLE].partition(":")[2] or 1)
