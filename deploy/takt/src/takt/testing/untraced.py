"""Processes that tests start in numbers and that coverage does not follow: being followed costs them half their speed.

What they go through is counted where a test's own process goes through it; where none does, the verdict is the lower.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_PREFIX = "COVERAGE_"


def environment() -> dict[str, str]:
    """This process's own, for a child that is not followed."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_PREFIX)}


@contextmanager
def children() -> Iterator[None]:
    """None that starts in here is followed."""
    left_out = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(_PREFIX)}
    try:
        yield
    finally:
        os.environ.update(left_out)
