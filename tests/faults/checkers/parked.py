"""What lies aside against what the log holds: every bad record and every later one of its key, each byte, once.

Positions are (topic, partition, offset). Without a key a record has no successors.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from tests.faults.checkers.verdict import Anomaly, Verdict, judge

Place = tuple[str, int, int]


class Raw(NamedTuple):
    """A record, byte for byte."""

    place: Place
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def kept(told: Sequence[Raw], bad: Collection[Place], lying: Sequence[Raw], *, least: int = 1) -> Verdict:
    """`told` is the log in the order of its partitions, `lying` the table in the order in which rows were made.

    Kinds: lost (bad, and not in the table), passed (a successor that is not there), altered (other bytes), doubled,
    stranger (nothing before it is bad), disorder (of one key, a later record lay there first).
    """
    behind = set(_successors(told, bad))
    wanted = {raw.place: raw for raw in told if raw.place in bad or raw.place in behind}
    copies = Counter(raw.place for raw in lying)
    anomalies = [
        *(Anomaly("lost" if place in bad else "passed", f"{place} is not there") for place in wanted.keys() - copies),
        *(Anomaly("stranger", f"{place} has nothing bad before it") for place in copies.keys() - wanted),
        *(Anomaly("doubled", f"{place} is there {count} times") for place, count in copies.items() if count > 1),
        *_altered(wanted, lying),
        *_disorder(lying),
    ]
    return judge("parked", anomalies, {"bad": len(bad), "behind": len(behind)}, {"bad": least})


def _successors(told: Iterable[Raw], bad: Collection[Place]) -> Iterator[Place]:
    stopped: set[tuple[str, bytes]] = set()
    for raw in told:
        if raw.key is None:
            continue
        if raw.place in bad:
            stopped.add((raw.place[0], raw.key))
        elif (raw.place[0], raw.key) in stopped:
            yield raw.place


def _altered(wanted: dict[Place, Raw], lying: Iterable[Raw]) -> Iterator[Anomaly]:
    for raw in lying:
        sent = wanted.get(raw.place, raw)
        parts = [name for name in ("key", "value", "headers") if getattr(raw, name) != getattr(sent, name)]
        if parts:
            yield Anomaly("altered", f"{raw.place} has another {' and '.join(parts)}")


def _disorder(lying: Iterable[Raw]) -> Iterator[Anomaly]:
    last: dict[tuple[str, bytes], int] = {}
    for raw in lying:
        if raw.key is None:
            continue
        topic, _, offset = raw.place
        if offset < last.get((topic, raw.key), -1):
            yield Anomaly("disorder", f"{raw.place} came after offset {last[topic, raw.key]} of its key")
        last[topic, raw.key] = offset
