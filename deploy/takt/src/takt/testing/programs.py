"""Foreign programs: a test says what it needs; where that is absent, the end of the run says what was not shown."""

import shutil
from collections import Counter
from collections.abc import Iterable

import pytest


def absent(item: pytest.Item) -> list[str]:
    """Programs named by the test's `needs` markers that are not on PATH."""
    named = [program for mark in item.iter_markers("needs") for program in mark.args]
    return [program for program in named if shutil.which(program) is None]


class AbsentPrograms:
    """Skips what cannot run here, or fails it under `--require-all`, and names it at the end."""

    def __init__(self, *, required: bool) -> None:
        self._required = required

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        missing = absent(item)
        if not missing:
            return
        sentence = f"needs {' and '.join(missing)}, which is not on PATH"
        if self._required:
            pytest.fail(sentence, pytrace=False)
        item.user_properties.extend(("absent", program) for program in missing)
        pytest.skip(sentence)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        lines = list(summary(terminalreporter.stats.get("skipped", ())))
        if lines:
            terminalreporter.section("absent programs: not shown in this run")
        for line in lines:
            terminalreporter.line(line)


def summary(reports: Iterable[pytest.TestReport]) -> Iterable[str]:
    """One line per absent program: how many tests wanted it."""
    counted = Counter(str(value) for report in reports for name, value in report.user_properties if name == "absent")
    for program, tests in sorted(counted.items()):
        yield f"{program}: {tests} test{'s' if tests > 1 else ''}"
