"""Order per key as the log shows it: the first copies come as 1, 2, 3 ... without a gap, all in one partition.

Later copies of what was seen before are allowed: that is what "at least once" means.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.checkers.verdict import Anomaly, Verdict, judge


class Record(NamedTuple):
    """One record of a topic. Records are given in the order of their partition."""

    key: str
    version: int
    id: str
    partition: int


@dataclass(slots=True)
class _Key:
    partition: int
    ids: dict[int, str] = field(default_factory=dict)
    highest: int = 0


def first_seen(records: Iterable[Record], *, least: int = 1) -> Verdict:
    """Kinds: gap, inversion, forked (one version, two events), moved (one key, two partitions).

    Needs `least` records that are not copies.
    """
    keys: dict[str, _Key] = {}
    anomalies = [anomaly for record in records for anomaly in _see(keys, record)]
    anomalies.extend(_never_filled(keys))
    firsts = sum(len(key.ids) for key in keys.values())
    return judge("order", anomalies, {"keys": len(keys), "firsts": firsts}, {"firsts": least})


def _see(keys: dict[str, _Key], record: Record) -> Iterator[Anomaly]:
    key = keys.setdefault(record.key, _Key(record.partition))
    if record.partition != key.partition:
        yield Anomaly("moved", f"{record.key} is in partitions {key.partition} and {record.partition}")
    known = key.ids.get(record.version)
    if known is not None:
        if known != record.id:
            yield Anomaly("forked", f"{record.key} v{record.version} is {known} and {record.id}")
        return
    key.ids[record.version] = record.id
    if record.version > key.highest + 1:
        yield Anomaly("gap", f"{record.key} v{record.version} came after v{key.highest}")
    elif record.version < key.highest:
        yield Anomaly("inversion", f"{record.key} v{record.version} came first after v{key.highest}")
    key.highest = max(key.highest, record.version)


def _never_filled(keys: dict[str, _Key]) -> Iterator[Anomaly]:
    for name, key in keys.items():
        if len(key.ids) < key.highest:
            yield Anomaly("missing", f"{name} has {len(key.ids)} versions of {key.highest}")
