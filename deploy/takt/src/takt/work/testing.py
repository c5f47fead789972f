"""`takt test`: which tests run, how, and when their result counts."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from takt.embedded.artifacts import cache_folder
from takt.work.tools import git, python

LINES_AT_LEAST, BRANCHES_AT_LEAST = 85.0, 75.0
_NOTHING_COLLECTED = 5  # pytest's exit code
_PICKING = (
    "-k",
    "-m",
    "--lf",
    "--last-failed",
    "--sw",
    "--stepwise",
    "--deselect",
    "--ignore",
    "--co",
    "--collect-only",
)
_IN_PARALLEL = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")


@dataclass(frozen=True)
class Covered:
    """Shares of the product's lines and branches that the tests went through, in percent."""

    lines: float
    branches: float

    @property
    def enough(self) -> bool:
        return self.lines >= LINES_AT_LEAST and self.branches >= BRANCHES_AT_LEAST

    def __str__(self) -> str:
        return (
            f"coverage: lines {self.lines:.1f} % (at least {LINES_AT_LEAST:.0f}), "
            f"branches {self.branches:.1f} % (at least {BRANCHES_AT_LEAST:.0f}): "
            f"{'enough' if self.enough else 'TOO LOW'}"
        )


def covered(report: str) -> Covered:
    """The two shares from coverage's JSON report. No branch at all counts as all of them."""
    totals = json.loads(report)["totals"]
    return Covered(
        _percent(totals["covered_lines"], totals["num_statements"]),
        _percent(totals["covered_branches"], totals["num_branches"]),
    )


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 100.0


def compiled() -> dict[str, str]:
    """Settings of Python under which what one process has compiled is read by the next, outside of the checkout.

    A run starts hundreds of processes; where nothing is kept, each compiles the product and all it stands on: 3 s.
    """
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache_folder() / "bytecode")}


def fast(rest: Sequence[str]) -> int:
    """The pure tests: no database, no broker."""
    return python("-m", "pytest", "-m", "not db and not broker and not long", *_IN_PARALLEL, *rest, env=compiled())


def selects(rest: Sequence[str]) -> bool:
    """Whether these arguments of pytest leave tests out: a path, a value, or an option that picks."""
    return any(not word.startswith("-") or word.startswith(_PICKING) for word in rest)


def some(rest: Sequence[str]) -> int:
    """What was named, as it was named, without the verdict on coverage."""
    return python("-m", "pytest", *rest, env=compiled())


def everything(rest: Sequence[str]) -> int:
    """All tests but the long ones, and the verdict on coverage: of all processes but those of test stacks."""
    with tempfile.TemporaryDirectory(prefix="takt-coverage-") as folder:
        env = {**compiled(), "COVERAGE_FILE": str(Path(folder) / "data")}
        failed = python("-m", "coverage", "run", "-m", "pytest", "-m", "not long", *_IN_PARALLEL, *rest, env=env)
        return failed or _verdict(Path(folder), env)


def _verdict(folder: Path, env: dict[str, str]) -> int:
    report = folder / "report.json"
    python("-m", "coverage", "combine", "--quiet", env=env)
    python("-m", "coverage", "report", "--skip-covered", "--sort=miss", env=env)
    if python("-m", "coverage", "json", "--quiet", "-o", str(report), env=env) != 0:
        return 1
    found = covered(report.read_text())
    print(found)
    return 0 if found.enough else 1


def long(minutes: float, rest: Sequence[str]) -> int:
    """Long tests, one after the other, until the minutes are spent. Some run a bench, small, with its peers."""
    arguments = ("-m", "long", "-p", "no:randomly", "--long-minutes", str(minutes), "--long-seed", _commit(), *rest)
    code = python("-m", "pytest", *arguments, group="bench", env=compiled())
    return 0 if code == _NOTHING_COLLECTED else code


def _commit() -> str:
    try:
        return git("rev-parse", "--short=12", "HEAD").strip()
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "no-commit"
