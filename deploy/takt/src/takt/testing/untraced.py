"""What coverage does not follow: processes that tests start in numbers, and tests that go through the same lines over
and over. Being followed costs a process half its speed, and code that calls a lot six sevenths of it.

What they go through is counted where another test goes through it; where none does, the verdict is the lower.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from coverage import Coverage

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


@contextmanager
def process() -> Iterator[None]:
    """This process is not followed in here, nor is a child that starts in here."""
    follower = Coverage.current()
    with children():
        if follower is None:
            yield
            return
        follower.stop()
        try:
            yield
        finally:
            follower.start()
