"""How a parallel run is parted: files stay whole, files of one stack stay together, and what waits goes first."""

import pytest

pytestmark = pytest.mark.timeout(240)  # runs of pytest inside a test are processes of their own

TELLING = """
import os, pathlib, pytest

@pytest.mark.parametrize("n", range(3))
def test_tells(n):
    with (pathlib.Path(__file__).parents[2] / "seen").open("a") as seen:
        seen.write(f"{pathlib.Path(__file__).stem} {os.environ['PYTEST_XDIST_WORKER']}\\n")
"""
WAITING = TELLING.replace("@pytest", "@pytest.mark.broker\n@pytest", 1)
FILES = {"tests/e2e/test_door": TELLING, "tests/e2e/test_road": TELLING, "tests/pure/test_rules": TELLING,
         "tests/pure/test_more": TELLING, "tests/slow/test_log": WAITING}  # fmt: skip


def seen_by(pytester: pytest.Pytester, workers: int) -> list[tuple[str, str]]:
    """(file, worker) of each test, in the order they ran."""
    for name, text in FILES.items():
        made = pytester.path / f"{name}.py"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(text)
    options = ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder")

    pytester.runpytest_subprocess(*options).assert_outcomes(passed=15)

    return [(file, worker) for file, worker in map(str.split, (pytester.path / "seen").read_text().splitlines())]


def test_a_file_is_not_parted_and_files_of_one_stack_share_a_worker(pytester):
    seen = seen_by(pytester, workers=3)

    workers = {file: {worker for told, worker in seen if told == file} for file, _ in seen}
    assert all(len(own) == 1 for own in workers.values()), workers
    assert workers["test_door"] == workers["test_road"]


def test_what_shares_a_stack_goes_first_and_what_waits_second(pytester):
    files = list(dict.fromkeys(file for file, _ in seen_by(pytester, workers=1)))

    assert set(files[:2]) == {"test_door", "test_road"}
    assert files[2] == "test_log"
