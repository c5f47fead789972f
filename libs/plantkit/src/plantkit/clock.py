"""The one place that asks what time it is, so that a test can hand in another clock."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def __call__(self) -> datetime:
        """Now, aware, in UTC."""


def utc_now() -> datetime:
    return datetime.now(UTC)
