"""What a checker says: true, false with every anomaly named, or unknown, which fails like false does.

Nothing in this folder imports the product: a judge that shared code with the judged would share its mistakes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Truth(StrEnum):
    """Unknown: too little happened to say anything."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One violation. `kind` is what planted histories are matched by; `detail` is for the reader."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict:
    checker: str
    truth: Truth
    anomalies: tuple[Anomaly, ...] = ()
    counted: Mapping[str, int] = field(default_factory=dict)
    lacking: tuple[str, ...] = ()

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(anomaly.kind for anomaly in self.anomalies)

    def __str__(self) -> str:
        numbers = ", ".join(f"{name} {number}" for name, number in self.counted.items())
        shown = "".join(f"\n    {anomaly}" for anomaly in self.anomalies[:10])
        more = f"\n    ... {len(self.anomalies) - 10} more" if len(self.anomalies) > 10 else ""
        lacking = "".join(f"\n    too little: {lack}" for lack in self.lacking)
        return f"{self.checker}: {self.truth} ({numbers}){shown}{more}{lacking}"


def judge(
    checker: str,
    anomalies: Iterable[Anomaly],
    counted: Mapping[str, int],
    least: Mapping[str, int] | None = None,
) -> Verdict:
    """False when there is an anomaly; else unknown when a number stays below its `least`; else true."""
    found = tuple(anomalies)
    lacking = tuple(
        f"{name}: {counted.get(name, 0)} of {number}"
        for name, number in (least or {}).items()
        if counted.get(name, 0) < number
    )
    truth = Truth.FALSE if found else Truth.UNKNOWN if lacking else Truth.TRUE
    return Verdict(checker, truth, found, dict(counted), lacking)


def enough(**numbers: tuple[int, int]) -> Verdict:
    """Whether enough happened for the run to prove anything. `name=(counted, least)`."""
    counted = {name: number for name, (number, _) in numbers.items()}
    return judge("enough", (), counted, {name: least for name, (_, least) in numbers.items()})


def overall(verdicts: Iterable[Verdict]) -> Truth:
    """One false makes all false; one unknown, or no verdict at all, leaves the rest unproved."""
    truths = {verdict.truth for verdict in verdicts}
    if Truth.FALSE in truths:
        return Truth.FALSE
    return Truth.TRUE if truths == {Truth.TRUE} else Truth.UNKNOWN
