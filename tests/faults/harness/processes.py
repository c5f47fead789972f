"""Child processes of a run, forked from one that has imported the product: a restart takes milliseconds, as in a stack.

Signals go to pids that were started here, and to no others.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from takt.stack.children import Children
from takt.stack.forks import Order

MODULES = ("operations.app", "tests.faults.harness.messaging_process")
KILLED = -signal.SIGKILL
_PATIENCE_S = 10.0


class Stuck(Exception):
    """What the run waited for did not come."""


class Child:
    """One process with its own log, in a session of its own."""

    def __init__(self, parent: Children, order: Order) -> None:
        self._parent, self._name = parent, order.name
        self._log = Path(order.log)
        self.pid = parent.start(order)

    @property
    def code(self) -> int | None:
        """Exit code; None while it runs."""
        self._parent.pump()
        return self._parent.code_of(self._name)

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped by a signal and can be continued."""
        return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._wait(_PATIENCE_S)

    def stop(self) -> None:
        """Ask it to end. Raises Stuck when it does not."""
        self.resume()
        self._signal(signal.SIGTERM)
        self._wait(_PATIENCE_S)

    async def ended(self, within_s: float) -> int:
        """Its exit code. Raises Stuck when it lives on."""
        await until(lambda: self.code is not None, within_s, f"the end of {self._name}: {self.tail()}")
        assert self.code is not None
        return self.code

    def says(self, words: str) -> bool:
        """Whether its log holds these words."""
        return self._log.exists() and words in self._log.read_text(errors="replace")

    def tail(self) -> str:
        return self._log.read_text(errors="replace")[-1500:] if self._log.exists() else "it said nothing"

    def _signal(self, number: signal.Signals) -> None:
        if self.code is None:
            os.kill(self.pid, number)

    def _wait(self, within_s: float) -> None:
        deadline = time.monotonic() + within_s
        while self.code is None:
            if time.monotonic() > deadline:
                raise Stuck(f"{self._name} does not end: {self.tail()}")
            self._parent.pump(0.02)


def forked(parent: Children, target: str, name: str, log: Path, environment: Mapping[str, str], **given: str) -> Child:
    """Run `module:function` with these arguments in a process of its own."""
    return Child(parent, Order(name, target, str(log), given, environment))


async def until(condition: Callable[[], bool], within_s: float, what: str) -> None:
    """Raises Stuck, naming what was waited for."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise Stuck(f"waited {within_s:g} s for {what}")
        await asyncio.sleep(0.02)
