"""Log files: one per process, 20 MB, five kept."""

from collections.abc import Iterable
from pathlib import Path
from shutil import copyfileobj

LIMIT_BYTES = 20_000_000
KEPT = 5


def rotate(logs: Iterable[Path], limit: int = LIMIT_BYTES) -> None:
    for log in logs:
        if log.exists() and log.stat().st_size >= limit:
            rotate_one(log)


def rotate_one(log: Path) -> None:
    """Copy and truncate: the writer keeps its open file and never waits for us, or needs us alive, to log a line.

    Edge: a line written between the copy and the truncation is lost.
    """
    for number in range(KEPT - 2, 0, -1):
        older = _numbered(log, number)
        if older.exists():
            older.replace(_numbered(log, number + 1))
    with log.open("r+b") as current, _numbered(log, 1).open("wb") as copy:
        copyfileobj(current, copy, 1024 * 1024)
        current.truncate(0)


def _numbered(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
