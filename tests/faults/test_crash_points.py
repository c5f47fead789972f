"""No crash point of the product is without its runs, and no run names a point that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

from takt.workspace import root
from tests.faults.harness import points

_POINT = re.compile(r'crash\.point\(\s*"([^"]+)"')


def passed(folders: list[Path]) -> Iterator[str]:
    """Names that the product passes to `crash.point`."""
    for folder in folders:
        for source in folder.rglob("src/**/*.py"):
            yield from _POINT.findall(source.read_text())


def test_every_crash_point_of_the_product_is_run() -> None:
    assert set(passed([root() / "libs", root() / "services"])) == points.EVERY
