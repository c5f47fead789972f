"""A foreign program that is absent is told, and under --require-all it fails."""

import pytest

pytestmark = pytest.mark.timeout(240)  # runs of pytest inside a test are processes of their own

NEEDY = """
import pytest
@pytest.mark.needs("sh", "no-such-program")
@pytest.mark.parametrize("n", range(2))
def test_needy(n): pass
@pytest.mark.needs("sh")
def test_served(): pass
"""


def test_an_absent_program_is_counted_and_named_at_the_end(pytester):
    pytester.makepyfile(NEEDY)

    result = pytester.runpytest_subprocess("-n", "1")

    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["*absent programs*", "no-such-program: 2 tests"])


def test_require_all_turns_absence_into_failure(pytester):
    pytester.makepyfile(NEEDY)

    result = pytester.runpytest_subprocess("--require-all")

    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*needs no-such-program, which is not on PATH*"])
