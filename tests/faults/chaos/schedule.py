"""Which fault when: from a seed alone, so that a run that convicted can be run again."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, repeat

WARM_UP_S = 5.0
TAIL_S = 15.0
"""Load goes on for so long after the last fault: progress has to be seen."""
_PAUSE_S = (2.0, 5.0)


@dataclass(frozen=True, slots=True)
class Span:
    """How long a fault stays, in seconds."""

    shortest_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Step:
    """`fault` lands `at_s` after the load began, at the earliest, and heals `for_s` later."""

    at_s: float
    fault: str
    for_s: float

    @property
    def ends_s(self) -> float:
        return self.at_s + self.for_s


def schedule(seed: int, minutes: float, menu: Mapping[str, Span]) -> list[Step]:
    """One fault at a time, each of the menu once before any comes again. The first always fits."""
    dice = random.Random(f"takt chaos {seed}")
    steps: list[Step] = []
    at_s = WARM_UP_S
    for name in _bag(dice, sorted(menu)):
        step = Step(round(at_s, 1), name, round(dice.uniform(menu[name].shortest_s, menu[name].longest_s), 1))
        if steps and step.ends_s > minutes * 60 - TAIL_S:
            return steps
        steps.append(step)
        at_s = step.ends_s + dice.uniform(*_PAUSE_S)
    raise AssertionError("the bag never ends")


def _bag(dice: random.Random, names: list[str]) -> Iterator[str]:
    return chain.from_iterable(dice.sample(again, len(again)) for again in repeat(names))
