"""The launcher's end of `takt.stack.forks`: give orders, know what runs."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from takt.embedded.process import Launch, kill_group, last_line, spawn
from takt.errors import StackError
from takt.stack.forks import READY, Order

_IMPORT_LIMIT_S = 60
_JOB_LIMIT_S = 120
_SOON_S = 10


class Children:
    """Processes forked from one parent that has imported everything."""

    def __init__(self, modules: Sequence[str], log: Path) -> None:
        self._modules, self._log = modules, log
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._buffer, self._is_ready = b"", False
        self._running: dict[str, int] = {}
        self._codes: dict[str, int] = {}

    def spawn(self) -> None:
        """Start importing; returns at once."""
        if self._orders is not None:
            self._orders.close()
        ours, theirs = socket.socketpair()
        argv = [sys.executable, "-m", "takt.stack.forks", str(theirs.fileno()), *self._modules]
        self._process = spawn(Launch(argv, self._log, pass_fds=[theirs.fileno()], environment=dict(os.environ)))
        theirs.close()
        self._orders, self._buffer, self._is_ready = ours, b"", False
        self._running, self._codes = {}, {}

    @property
    def pid(self) -> int:
        assert self._process is not None, "spawn() comes first"
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def wait_ready(self) -> None:
        self._wait(lambda: self._is_ready, _IMPORT_LIMIT_S, "The services could not be loaded")

    def start(self, order: Order) -> int:
        """Fork and return the pid."""
        assert self._orders is not None, "spawn() comes first"
        self._codes.pop(order.name, None)
        self._running.pop(order.name, None)
        try:
            self._orders.sendall(order.line())
        except OSError as error:
            raise StackError(f"The services' parent process ended: {last_line(self._log)}") from error
        started = lambda: order.name in self._running or order.name in self._codes  # noqa: E731 - a claim to wait for
        self._wait(started, _SOON_S, f"{order.name} could not be started")
        return self._running.get(order.name, 0)

    def finish(self, *names: str, logs: Path) -> None:
        """Wait for jobs. Raises StackError with the last line of the first that failed."""
        for name in names:
            self._wait(lambda name=name: name in self._codes, _JOB_LIMIT_S, f"{name} took too long")  # type: ignore[misc] # a default binds the loop's name
            if self._codes[name]:
                raise StackError(f"{name} failed: {last_line(logs / f'{name}.log')}")

    def pid_of(self, name: str) -> int | None:
        return self._running.get(name)

    def code_of(self, name: str) -> int | None:
        return self._codes.get(name)

    def pump(self, wait_s: float = 0) -> None:
        """Take in what the parent process has told."""
        if self._orders is None or not select.select([self._orders], [], [], wait_s)[0]:
            return
        try:
            received = self._orders.recv(65536)
        except OSError:
            received = b""
        if not received:
            self._all_ended()
            time.sleep(min(wait_s, 0.05))
            return
        *lines, self._buffer = (self._buffer + received).split(b"\n")
        for line in lines:
            self._hear(json.loads(line))

    def stop(self, patience_s: float) -> None:
        """Ask all of them, wait together, kill who stays."""
        for pid in self._running.values():
            _signal(pid, signal.SIGTERM)
        ends_at = time.monotonic() + patience_s
        while self._running and time.monotonic() < ends_at:
            self.pump(0.1)
        for pid in self._running.values():
            kill_group(pid)

    def close(self) -> None:
        """Hang up: the parent process ends."""
        if self._orders is not None:
            self._orders.close()
            self._orders = None
        if self._process is not None:
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                kill_group(self._process.pid)
                self._process.wait()

    def _hear(self, told: dict[str, str | int]) -> None:
        match told["kind"]:
            case "started":
                self._running[str(told["name"])] = int(told["pid"])
            case "ended":
                self._running.pop(str(told["name"]), None)
                self._codes[str(told["name"])] = int(told["code"])
            case kind:
                self._is_ready = kind == READY

    def _all_ended(self) -> None:
        self._codes.update(dict.fromkeys(self._running, -1))
        self._running.clear()

    def _wait(self, done: Callable[[], bool], limit_s: float, complaint: str) -> None:
        ends_at = time.monotonic() + limit_s
        while not done():
            if not self.is_alive or time.monotonic() > ends_at:
                raise StackError(f"{complaint}: {last_line(self._log)}")
            self.pump(0.1)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
