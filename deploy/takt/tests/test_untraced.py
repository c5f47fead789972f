"""What coverage does not follow is what is marked, and nothing behind it."""

import json
import subprocess
import sys
from pathlib import Path

from takt.testing import untraced

_TESTS = """
import pytest

def heavy():
    return 1

def light():
    return 2

@pytest.mark.untraced
def test_heavy():
    assert heavy() == 1

def test_light():
    assert light() == 2
"""


def coverage(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "coverage", *words]
    subprocess.run(command, cwd=folder, env=untraced.environment(), check=True, capture_output=True, timeout=60)


def test_a_marked_test_is_left_out_and_the_next_is_followed(tmp_path):
    (tmp_path / "test_both.py").write_text(_TESTS)
    coverage(tmp_path, "run", "-m", "pytest", "-p", "takt.testing.plugin", "-p", "no:randomly", "test_both.py")
    coverage(tmp_path, "json", "--include=test_both.py", "-o", "report.json")

    report = json.loads((tmp_path / "report.json").read_text())["files"]["test_both.py"]
    functions = {name: len(found["executed_lines"]) for name, found in report["functions"].items() if name}
    assert functions == {"heavy": 0, "light": 1, "test_heavy": 0, "test_light": 1}
