"""Which tests run under which words, and when the coverage is enough."""

import json
import os
import subprocess
import sys

import pytest

from takt.work import testing, tools
from takt.work.testing import covered


def report(lines: tuple[int, int], branches: tuple[int, int]) -> str:
    totals = {"covered_lines": lines[0], "num_statements": lines[1]}
    return json.dumps({"totals": totals | {"covered_branches": branches[0], "num_branches": branches[1]}})


@pytest.mark.parametrize(
    ("lines", "branches", "enough"),
    [
        ((85, 100), (75, 100), True),
        ((849, 1000), (100, 100), False),
        ((100, 100), (749, 1000), False),
        ((90, 100), (0, 0), True),
    ],
)
def test_both_shares_must_be_reached(lines, branches, enough):
    assert covered(report(lines, branches)).enough is enough


@pytest.mark.parametrize("rest", [["libs"], ["-k", "x"], ["-kx"], ["--lf"], ["-x", "a/test_b.py::test_c"]])
def test_a_part_gets_no_verdict(rest):
    assert testing.selects(rest)


@pytest.mark.parametrize("rest", [[], ["--require-all"], ["-x", "-vv", "--durations=20"]])
def test_how_to_run_is_not_what_to_run(rest):
    assert not testing.selects(rest)


def test_the_verdict_is_said_in_one_line():
    assert str(covered(report((80, 100), (80, 100)))) == (
        "coverage: lines 80.0 % (at least 85), branches 80.0 % (at least 75): TOO LOW"
    )


def test_tools_run_through_uv_where_uv_started_us(monkeypatch):
    monkeypatch.setenv("UV", "/somewhere/uv")
    assert tools.command(["-m", "x"], "bench") == [
        *("/somewhere/uv", "run", "--quiet", "--group", "test", "--group", "bench"),
        *("python", "-m", "x"),
    ]

    monkeypatch.delenv("UV")
    assert tools.command(["-m", "x"], "test")[1:] == ["-m", "x"]


@pytest.fixture
def asked(monkeypatch):
    """What pytest is asked for; it answers that nothing was collected."""
    calls: list[tuple[str, ...]] = []

    def python(*argv: str, **_options: object) -> int:
        calls.append(argv)
        return 5

    monkeypatch.setattr(testing, "python", python)
    return calls


def test_no_long_test_is_no_failure_and_nothing_found_by_name_is(asked):
    assert testing.long(1, []) == 0
    assert testing.some(["-k", "nothing_of_that_name"]) == 5
    assert testing.fast([]) == 5

    long, some, fast = asked
    assert {"-m", "long", "no:randomly", "--long-minutes", "1"} <= set(long)
    assert some == ("-m", "pytest", "-k", "nothing_of_that_name")
    assert "not db and not broker and not long" in fast


def test_what_one_process_compiles_is_kept_for_the_next_outside_of_the_sources(tmp_path, monkeypatch):
    monkeypatch.setenv("TAKT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "some_module.py").write_text("")

    environment = {**os.environ, **testing.compiled()}
    subprocess.run([sys.executable, "-c", "import some_module"], cwd=sources, env=environment, check=True)

    assert list((tmp_path / "cache").rglob("some_module.*.pyc"))
    assert [path.name for path in sources.iterdir()] == ["some_module.py"]
