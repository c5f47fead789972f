"""Every promise of README and the architecture page names the test that would fail if it were not kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from takt.workspace import root

PAGES = ("README.md", "docs/architecture.md")
NAMED = re.compile(r"`((?:libs|services|deploy|tests)/[\w./-]+?)(?:::(\w+))?`")
TEST = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


def promises(page: str) -> Iterator[tuple[str, str]]:
    """Promise and what shows it, from every table whose first column is headed `promise`."""
    within = False
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            within = False
        elif cells[0] == "promise":
            within = True
        elif within and set(cells[0]) != {"-"}:
            yield cells[0], cells[-1]


def named_in(place: Path) -> set[str]:
    """Names of the tests in a file, or in every file of a folder."""
    files = [place] if place.is_file() else place.rglob("*.py")
    return {name for file in files for name in TEST.findall(file.read_text())}


def unkept(tree: Path, page: str) -> list[str]:
    """What is wrong, in a sentence each."""
    return [f"{promise}: {fault}" for promise, shown_by in promises(page) for fault in _faults(tree, shown_by)]


def _faults(tree: Path, shown_by: str) -> Iterator[str]:
    named = NAMED.findall(shown_by)
    if not named:
        yield "it names no test"
    for path, test in named:
        found = named_in(tree / path) if (tree / path).exists() else set()
        if not found or (test and test not in found):
            yield f"{path} holds no {test or 'test'}"


@pytest.mark.parametrize("name", PAGES)
def test_every_promise_names_a_test_that_is_there(name):
    page = (root() / name).read_text()

    assert len(list(promises(page))) > 10
    assert unkept(root(), page) == []


@pytest.mark.parametrize(
    ("shown_by", "fault"),
    [
        ("we looked at it", "it names no test"),
        ("`tests/gone.py`", "tests/gone.py holds no test"),
        ("`tests/empty.py`", "tests/empty.py holds no test"),
        ("`tests/kept.py::test_other`", "tests/kept.py holds no test_other"),
        ("`tests/kept.py`, `tests/gone.py`", "tests/gone.py holds no test"),
    ],
)
def test_a_promise_without_its_test_is_found(tmp_path, shown_by, fault):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "empty.py").write_text("latest = 1\n")
    (tmp_path / "tests" / "kept.py").write_text("def test_it():\n    assert True\n")
    page = "| promise | test |\n|---|---|\n| All is well | {} |\n"

    assert unkept(tmp_path, page.format(shown_by)) == [f"All is well: {fault}"]
    assert unkept(tmp_path, page.format("`tests/kept.py::test_it`, `tests`")) == []
