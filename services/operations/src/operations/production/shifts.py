"""When a shift runs. Pure: the shifts of a day are given by the times at which they start."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def shift_window(day: date, number: int, starts: Sequence[time], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Start and end in UTC of shift `number` (from 1) of `day`; the last one ends when the next day's first begins.

    On the days when clocks change a shift is an hour longer or shorter, as it is on the floor.
    Raises ValueError when the day has no such shift.
    """
    if not 1 <= number <= len(starts):
        raise ValueError(f"A day has the shifts 1 to {len(starts)}.")
    begins = [datetime.combine(day, start, zone) for start in starts]
    begins.append(datetime.combine(day + timedelta(days=1), starts[0], zone))
    return begins[number - 1].astimezone(UTC), begins[number].astimezone(UTC)
