"""Aggregates that hold a row which could not be published: each rests before it is tried again.

A clock of its own for each, so that they are not all tried at once.
"""

import time
from collections.abc import Callable

Aggregate = tuple[str, str]
"""Type and id."""


class Resting:
    """How long from now an aggregate is held back. One that is seen blocked for the first time rests too."""

    def __init__(self, for_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._for_s = for_s
        self._monotonic = monotonic
        self._until: dict[Aggregate, float] = {}

    def begin(self, aggregate: Aggregate) -> None:
        self._until[aggregate] = self._monotonic() + self._for_s

    def is_over(self, aggregate: Aggregate) -> bool:
        if aggregate not in self._until:
            self.begin(aggregate)
        return self._monotonic() >= self._until[aggregate]

    def forget(self, aggregate: Aggregate) -> None:
        """What blocked it is published."""
        self._until.pop(aggregate, None)
