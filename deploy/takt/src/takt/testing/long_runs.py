"""Long tests within a budget of minutes: those longest unrun first, in an order seeded by the commit."""

import json
import os
import random
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

Clock = Callable[[], float]


def history_file() -> Path:
    """Where this machine remembers when each long test last ran. Outside the checkout: a fresh clone keeps it."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "takt" / "long-tests.json"


def in_order(names: Iterable[str], last_run: Mapping[str, float], seed: str) -> list[str]:
    """Never run before ran long ago before ran lately; among equals, the order that the seed gives."""
    shuffled = sorted(names)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order to run tests in, not a secret
    return sorted(shuffled, key=lambda name: last_run.get(name, 0.0))


class History:
    """When each long test last finished, as seconds since 1970. A file that cannot be read or written is no history."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, float]:
        try:
            kept = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return {}
        return {str(name): float(at) for name, at in kept.items()} if isinstance(kept, dict) else {}

    def add(self, name: str, at: float) -> None:
        written = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            written.write_text(json.dumps({**self.read(), name: at}, indent=1, sort_keys=True))
            written.replace(self._path)
        except OSError:
            return


class LongRuns:
    """Sorts the collected long tests and starts none after the budget is spent."""

    def __init__(self, history: History, *, budget_s: float, seed: str, clock: Clock = time.time) -> None:
        self._history, self._budget_s, self._seed, self._clock = history, budget_s, seed, clock
        self._started: float | None = None
        self._done: list[str] = []
        self._left: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        ranks = {name: rank for rank, name in enumerate(self._order(items))}
        items.sort(key=lambda item: ranks[item.nodeid])

    def _order(self, items: Iterable[pytest.Item]) -> list[str]:
        return in_order((item.nodeid for item in items), self._history.read(), self._seed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> bool | None:
        now = self._clock()
        self._started = self._started or now
        if now - self._started >= self._budget_s:
            self._left.append(item.nodeid)
            return True  # handled: not run
        return None

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._done.append(nodeid)
        self._history.add(nodeid, self._clock())

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("long tests")
        terminalreporter.line(f"seed {self._seed}; done {len(self._done)}, left {len(self._left)}")
        for word, names in (("done", self._done), ("left", self._left)):
            for name in names:
                terminalreporter.line(f"{word}  {name}")
