"""Which worker of a parallel run takes which tests: files whole, those that wait first, those of one stack together."""

import pytest
from xdist.scheduler import LoadScopeScheduling

_OF_ONE_STACK = "tests/e2e"
"""A stack takes a minute of processor time to come up; these files share the one of their worker."""


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def scope_of(nodeid: str) -> str:
    """What is not parted: a file, or all that stands on one stack."""
    file = file_of(nodeid)
    return _OF_ONE_STACK if file.startswith(f"{_OF_ONE_STACK}/") else file


def longest_first(items: list[pytest.Item]) -> None:
    """First what shares a stack, then files that wait for a broker: beside them others work, and none is left last."""
    waiting = {file_of(item.nodeid) for item in items if item.get_closest_marker("broker")}
    items.sort(key=lambda item: _rank(item.nodeid, waiting))


def _rank(nodeid: str, waiting: set[str]) -> int:
    if scope_of(nodeid) == _OF_ONE_STACK:
        return 0
    return 1 if file_of(nodeid) in waiting else 2


class Spread(LoadScopeScheduling):  # type: ignore[misc]  # the library has no types
    """Work goes out in the order it was collected in."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


class Spreading:
    """Plugs it in where a run has workers and keeps files together."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if hasattr(config, "workerinput"):
            longest_first(items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> LoadScopeScheduling | None:
        return Spread(config, log) if config.getoption("dist") == "loadfile" else None
