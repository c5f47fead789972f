"""One process imports the kit and every service, then forks each of them: five imports would take 15 s of two cores.

Forking is safe only while there is one thread and no event loop, so this file reads its orders from a socket, one at a
time, and refuses to fork when anything has started a thread.
"""

import asyncio
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from plantkit import crash
from takt.embedded.process import die_with_parent

READY = "ready"


@dataclass(frozen=True)
class Order:
    """Run `target` (`module:function`) with these arguments in a process of its own."""

    name: str
    target: str
    log: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def disarmed(self) -> "Order":
        """The same without a crash point."""
        return replace(self, environment={**self.environment, crash.VARIABLE: ""})

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


class Forker:
    """Serves orders until the launcher hangs up. In a child, `run` returns what the child is to do."""

    def __init__(self, orders: socket.socket) -> None:
        self._orders = orders
        self._buffer = b""
        self._children: dict[int, str] = {}
        self._bell, self._wake = socket.socketpair()

    def run(self) -> Callable[[], None] | None:
        self._bell.setblocking(False)
        self._wake.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake.fileno())
        self._tell(kind=READY, threads=threads())
        with selectors.DefaultSelector() as selector:
            selector.register(self._orders, selectors.EVENT_READ)
            selector.register(self._bell, selectors.EVENT_READ)
            return self._serve(selector)

    def _serve(self, selector: selectors.BaseSelector) -> Callable[[], None] | None:
        while True:
            for key, _ in selector.select():
                if key.fileobj is self._bell:
                    self._bell.recv(4096)
                    continue
                received = self._orders.recv(65536)
                if not received:
                    return None
                self._buffer += received
            self._reap()
            while b"\n" in self._buffer:
                line, _, self._buffer = self._buffer.partition(b"\n")
                work = self._fork(Order(**json.loads(line)))
                if work is not None:
                    return work

    def _fork(self, order: Order) -> Callable[[], None] | None:
        refuse_unsafe_fork()
        us = os.getpid()
        pid = os.fork()
        if pid:
            self._children[pid] = order.name
            self._tell(kind="started", name=order.name, pid=pid)
            return None
        self._become_child(order, parent=us)
        return lambda: call(order.target, order.arguments)

    def _become_child(self, order: Order, parent: int) -> None:
        die_with_parent(signal.SIGTERM, parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (self._orders, self._bell, self._wake):
            end.close()
        os.setsid()
        log = os.open(order.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        os.environ.update(order.environment)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            self._tell(kind="ended", name=self._children.pop(pid), pid=pid, code=os.waitstatus_to_exitcode(status))

    def _tell(self, **facts: str | int) -> None:
        self._orders.sendall(json.dumps(facts).encode() + b"\n")


def refuse_unsafe_fork() -> None:
    """Raises RuntimeError when a thread or a loop runs: its locks would be copied in whatever state they are in."""
    if threads() != 1:
        raise RuntimeError(f"{threads()} threads run before the fork")
    if asyncio._get_running_loop() is not None:
        raise RuntimeError("an event loop runs before the fork")


def call(target: str, arguments: Mapping[str, str]) -> None:
    module, _, function = target.partition(":")
    getattr(importlib.import_module(module), function)(**arguments)


def main() -> None:
    """`python -m takt.stack.forks FD MODULE...`: import, freeze, serve."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(orders.fileno(), False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for module in sys.argv[2:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # the collector would otherwise write into every shared page of every child
    work = Forker(orders).run()
    if work is not None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        work()


if __name__ == "__main__":
    main()
