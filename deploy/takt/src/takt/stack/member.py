"""One supervised process, started again when it ends."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from takt.embedded.kafka import Broker
from takt.embedded.postgres import Postgres
from takt.errors import StackError
from takt.stack.report import Report

_BACK_OFF_S = (0.2, 1.0, 2.0, 5.0, 10.0)
_STEADY_S = 30.0


@dataclass
class Member:
    """One supervised process: how to start it, whether it lives, and how often it had to be started again."""

    name: str
    start: Callable[[], None]
    pid: Callable[[], int | None]
    failures: int = 0
    started_at: float = 0.0
    again_at: float | None = None

    def begin(self) -> None:
        self.start()
        self.started_at, self.again_at = time.monotonic(), None

    def check(self, report: Report) -> bool:
        """Start again what has ended, later each time. Returns whether the pid changed."""
        now = time.monotonic()
        if self.again_at is None and self.pid() is not None:
            return False
        if self.again_at is None:
            self.failures = 0 if now - self.started_at > _STEADY_S else self.failures + 1
            wait_s = _BACK_OFF_S[min(self.failures, len(_BACK_OFF_S) - 1)]
            self.again_at = now + wait_s
            report.say(f"{self.name} ended; it starts again in {wait_s:g} s.")
        return now >= self.again_at and self._began_again(report)

    def _began_again(self, report: Report) -> bool:
        try:
            self.begin()
        except StackError as error:
            self.failures, self.again_at = self.failures + 1, time.monotonic() + _BACK_OFF_S[-1]
            report.say(f"{self.name} could not be started, next try in {_BACK_OFF_S[-1]:g} s: {error}")
            return False
        return True


def living(server: Postgres | Broker) -> int | None:
    """Pid of a server that has not ended."""
    process = server.process
    return process.pid if process is not None and process.poll() is None else None
