"""The pytest plugin of the workspace: marks, programs, the budget of long tests, coverage, and the shut gate."""

from collections.abc import Generator
from typing import Any

import pytest

from takt.testing import loopback, untraced
from takt.testing.long_runs import History, LongRuns, history_file
from takt.testing.programs import AbsentPrograms
from takt.testing.spreading import Spreading

LONG_TIMEOUT_S = 600
_MARK_OF_FIXTURE = {"postgres_server": "db", "kafka_bootstrap": "broker"}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("takt")
    group.addoption("--require-all", action="store_true", help="an absent foreign program fails its tests")
    group.addoption("--long-minutes", type=float, help="run long tests until so many minutes are spent")
    group.addoption("--long-seed", default="", help="order of the long tests that never ran here")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(AbsentPrograms(required=config.getoption("--require-all")), "takt-programs")
    config.pluginmanager.register(Spreading(), "takt-spreading")
    minutes = config.getoption("--long-minutes")
    if minutes is not None:
        runs = LongRuns(History(history_file()), budget_s=minutes * 60, seed=config.getoption("--long-seed"))
        config.pluginmanager.register(runs, "takt-long-runs")


def pytest_sessionstart() -> None:
    loopback.shut()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that asks for a server is marked so, wherever the asking is hidden; a long one may take longer."""
    for item in items:
        for fixture, mark in _MARK_OF_FIXTURE.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(mark)
        if item.get_closest_marker("long") is not None and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LONG_TIMEOUT_S))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    if item.get_closest_marker("untraced") is None:
        return (yield)
    with untraced.process():
        return (yield)
