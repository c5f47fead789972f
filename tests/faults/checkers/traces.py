"""Trace inclusion: what was told of a key, and what was read of it, are steps and states of the published table.

The table is read from the page that people read.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from tests.faults.checkers.verdict import Anomaly, Verdict, judge

Place = tuple[str, str]
"""Status, and `yes` or `no` for on hold."""
NOWHERE: Place = ("-", "-")
Table = frozenset[tuple[Place, str, Place]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A key at one of its versions; `fact` is what an event calls it, None where the API was read."""

    key: str
    version: int
    place: Place
    fact: str | None = None


def published(page: str) -> Table:
    """The steps of a page whose rows are: status, on hold, event, becomes, on hold."""
    rows = (line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| "))
    return frozenset(((row[0], row[1]), row[2], (row[3], row[4])) for row in rows if row[0] != "status")


def included(told: Iterable[Seen], read: Iterable[Seen], table: Table, *, least: int = 1) -> Verdict:
    """Kinds: unlisted (a step that the table does not have), gap (a version was never told), twofold (a version was
    told in two ways), untold (the API showed what no event tells).
    """
    known: dict[str, dict[int, Seen]] = {}
    anomalies: list[Anomaly] = []
    for one in told:
        other = known.setdefault(one.key, {}).setdefault(one.version, one)
        if other != one:
            anomalies.append(Anomaly("twofold", f"{one.key} v{one.version} is {one} and {other}"))
    for versions in known.values():
        anomalies.extend(_steps(versions, table))
    reads = 0
    for one in read:
        reads += 1
        said = known.get(one.key, {}).get(one.version)
        if said is None or said.place != one.place:
            anomalies.append(Anomaly("untold", f"{one.key} v{one.version} was read as {one.place}, told as {said}"))
    steps = sum(map(len, known.values()))
    return judge("traces", anomalies, {"keys": len(known), "steps": steps, "reads": reads}, {"steps": least})


def _steps(versions: Mapping[int, Seen], table: Table) -> Iterator[Anomaly]:
    before = NOWHERE
    for version in range(1, max(versions) + 1):
        one = versions.get(version)
        if one is None:
            yield Anomaly("gap", f"version {version} of {max(versions)} was never told")
            return
        if (before, one.fact or "", one.place) not in table:
            yield Anomaly("unlisted", f"{one.key} v{version}: {one.fact} took it from {before} to {one.place}")
        before = one.place
