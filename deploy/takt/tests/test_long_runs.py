"""Which long test runs next, and what is told about the rest."""

from pathlib import Path

import pytest

from takt.testing.long_runs import History, in_order

TESTS = [f"tests/test_{n}.py::test" for n in range(8)]


def test_longest_unrun_goes_first_and_never_run_before_all():
    last_run = {TESTS[0]: 300.0, TESTS[1]: 100.0, TESTS[2]: 200.0}

    order = in_order(TESTS, last_run, "seed")

    assert set(order[:5]) == set(TESTS[3:])
    assert order[5:] == [TESTS[1], TESTS[2], TESTS[0]]


def test_without_history_the_seed_alone_decides():
    assert in_order(TESTS, {}, "a") == in_order(reversed(TESTS), {}, "a")
    assert in_order(TESTS, {}, "a") != in_order(TESTS, {}, "b")


def test_history_survives_the_process_and_a_broken_file(tmp_path: Path):
    kept = tmp_path / "deep" / "long.json"

    History(kept).add("one", 5.0)
    History(kept).add("two", 6.0)
    assert History(kept).read() == {"one": 5.0, "two": 6.0}

    kept.write_text("{")
    assert History(kept).read() == {}


def test_a_cache_that_cannot_be_written_is_no_history(tmp_path: Path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    History(in_the_way / "long.json").add("one", 5.0)

    assert History(in_the_way / "long.json").read() == {}


LONG = """
import pytest
@pytest.mark.long
@pytest.mark.parametrize("n", range(3))
def test_slow(n): pass
def test_quick(): pass
"""


@pytest.mark.timeout(240)  # runs of pytest inside a test are processes of their own
def test_nothing_starts_after_the_budget_is_spent(pytester, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(pytester.path))
    pytester.makepyfile(LONG)

    none = pytester.runpytest_subprocess("-m", "long", "--long-minutes", "0", "--long-seed", "abc")
    none.stdout.fnmatch_lines(["seed abc; done 0, left 3"])

    every = pytester.runpytest_subprocess("-m", "long", "--long-minutes", "1", "--long-seed", "abc")
    every.stdout.fnmatch_lines(["seed abc; done 3, left 0", "*3 passed, 1 deselected*"])
