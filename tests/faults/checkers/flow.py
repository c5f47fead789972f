"""The flow of an order: at no moment has an operation processed more than was desired, or handed over to it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

from tests.faults.checkers.verdict import Anomaly, Verdict, judge


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """An operation at one moment, in one unit. `flows`: neither cancelled nor archived."""

    number: str
    desired: Fraction
    good: Fraction
    scrap: Fraction
    processed: Fraction
    tolerance_percent: Fraction = Fraction(0)
    flows: bool = True

    def most(self, base: Fraction) -> Fraction:
        return base * (100 + self.tolerance_percent) / 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One booking, as the ledger has it; `corrects` names the entry that it declares wrong."""

    id: UUID
    operation: str
    number: int
    corrects: UUID | None


def within(moments: Iterable[Sequence[Step]], *, least: int = 1) -> Verdict:
    """Each moment is what one read saw of an order, or what one event says of one operation.

    Kinds: uneven (processed is not good and scrap), negative, overbooked (above desired), overdrawn (above what the
    operation before has handed over).
    """
    counted = 0
    anomalies: list[Anomaly] = []
    for steps in moments:
        counted += 1
        anomalies.extend(anomaly for step in steps for anomaly in _alone(step))
        flowing = sorted((step for step in steps if step.flows), key=lambda step: step.number)
        for giver, taker in pairwise(flowing):
            if taker.processed > taker.most(giver.good):
                said = f"{taker.number} has processed {taker.processed} of {giver.good} good of {giver.number}"
                anomalies.append(Anomaly("overdrawn", said))
    return judge("flow", anomalies, {"moments": counted}, {"moments": least})


def _alone(step: Step) -> Iterator[Anomaly]:
    if step.processed != step.good + step.scrap:
        yield Anomaly("uneven", f"{step.number}: {step.processed} is not {step.good} + {step.scrap}")
    if min(step.good, step.scrap) < 0:
        yield Anomaly("negative", f"{step.number}: {step.good} good, {step.scrap} scrap")
    if step.processed > step.most(step.desired):
        yield Anomaly("overbooked", f"{step.number}: {step.processed} of {step.desired}")


def corrections(entries: Iterable[Entry], *, least: int = 1) -> Verdict:
    """Kinds: unfounded (corrects nothing earlier of its operation), recorrected (a correction), twice."""
    known = {entry.id: entry for entry in entries}
    correcting = [entry for entry in known.values() if entry.corrects is not None]
    corrected: set[UUID] = set()
    anomalies: list[Anomaly] = []
    for entry in correcting:
        assert entry.corrects is not None
        wrong = known.get(entry.corrects)
        if wrong is None or (wrong.operation, wrong.number < entry.number) != (entry.operation, True):
            anomalies.append(Anomaly("unfounded", f"{entry} corrects {wrong}"))
        elif wrong.corrects is not None:
            anomalies.append(Anomaly("recorrected", f"{entry} corrects {wrong}"))
        if entry.corrects in corrected:
            anomalies.append(Anomaly("twice", f"{entry.corrects} was corrected twice"))
        corrected.add(entry.corrects)
    return judge("corrections", anomalies, {"corrections": len(correcting)}, {"corrections": least})
