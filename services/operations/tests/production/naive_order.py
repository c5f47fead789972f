"""An order as somebody would keep it on paper: whole pieces, one list of bookings a step, sums made anew each time."""

from dataclasses import dataclass, field
from itertools import pairwise


@dataclass
class Booking:
    good: int
    scrap: int
    is_corrected: bool = False


@dataclass
class Step:
    status: str = "RELEASED"
    bookings: list[Booking] = field(default_factory=list)

    @property
    def good(self) -> int:
        return sum(booking.good for booking in self.bookings)

    @property
    def processed(self) -> int:
        return sum(booking.good + booking.scrap for booking in self.bookings)


@dataclass
class NaiveOrder:
    """Each action answers whether it is allowed, and is done only then."""

    desired: int
    tolerance_percent: int
    steps: list[Step]

    def start(self, place: int) -> bool:
        step, before = self.steps[place], self._before(place)
        if step.status != "RELEASED" or (before is not None and before.good == 0):
            return False
        step.status = "IN_PROGRESS"
        return True

    def report(self, place: int, good: int, scrap: int) -> bool:
        step = self.steps[place]
        if step.status != "IN_PROGRESS":
            return False
        step.bookings.append(Booking(good, scrap))
        if self._holds():
            return True
        step.bookings.pop()
        return False

    def correct(self, place: int, booking: int, good: int, scrap: int) -> bool:
        wrong = self.steps[place].bookings[booking]
        before = (wrong.good, wrong.scrap)
        if wrong.is_corrected or before == (good, scrap):
            return False
        wrong.good, wrong.scrap = good, scrap
        wrong.is_corrected = self._holds()
        if not wrong.is_corrected:
            wrong.good, wrong.scrap = before
        return wrong.is_corrected

    def cancel(self, place: int) -> bool:
        step = self.steps[place]
        before, step.status = step.status, "CANCELLED"
        if before in ("RELEASED", "IN_PROGRESS") and self._holds():
            return True
        step.status = before
        return False

    def _before(self, place: int) -> Step | None:
        return next((step for step in reversed(self.steps[:place]) if step.status != "CANCELLED"), None)

    def _holds(self) -> bool:
        """Nobody has processed more than was desired, or handed over, each with its tolerance."""
        most = 100 + self.tolerance_percent
        if any(step.processed * 100 > self.desired * most for step in self.steps):
            return False
        flowing = [step for step in self.steps if step.status != "CANCELLED"]
        pairs = pairwise(flowing)
        return all(taker.processed * 100 <= giver.good * most for giver, taker in pairs)
