"""Projection = naive fold: reading the topic from the start with a dict gives what the table says."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.faults.checkers.verdict import Anomaly, Verdict, judge


def fold(records: Iterable[tuple[str, int, Any]]) -> dict[str, Any]:
    """Newest state per key, from (key, version, state) in any order and with any copies."""
    newest: dict[str, tuple[int, Any]] = {}
    for key, version, state in records:
        if key not in newest or version > newest[key][0]:
            newest[key] = version, state
    return {key: state for key, (_, state) in newest.items()}


def same(projection: Mapping[str, Any], told: Mapping[str, Any], *, least: int = 1) -> Verdict:
    """Kinds: absent (told, not shown), invented (shown, never told), stale (shown otherwise than told)."""
    counted = {"shown": len(projection), "told": len(told)}
    return judge("fold", _anomalies(projection, told), counted, {"told": least})


def _anomalies(projection: Mapping[str, Any], told: Mapping[str, Any]) -> Iterator[Anomaly]:
    for key in told.keys() | projection.keys():
        if key not in projection:
            yield Anomaly("absent", f"{key} was told and is not shown")
        elif key not in told:
            yield Anomaly("invented", f"{key} is shown and was never told")
        elif _canonical(projection[key]) != _canonical(told[key]):
            yield Anomaly("stale", f"{key} is {_canonical(projection[key])}, was told as {_canonical(told[key])}")


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
