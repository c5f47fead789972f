"""What both contestants of `bench records` are asked, what each revision says, and how their answers are counted."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from statistics import quantiles
from typing import Any


def tasks() -> Iterator[Mapping[str, Any]]:
    """One JSON object a line, until there is no more."""
    for line in sys.stdin:
        yield json.loads(line)


def content(number: int) -> dict[str, Any]:
    """An inspection, as it is written the n-th time."""
    return {
        "inspection_no": "I-1",
        "item": "SHAFT-40",
        "characteristic": "diameter",
        "measured": 40 + number % 1000 / 1000,
        "low": 39.9,
        "high": 41.1,
        "unit": "mm",
        "result": "pass",
        "inspected_on": "2026-11-02",
        "inspector": "quality-02",
        "remarks": f"measured again, {number}",
    }


def answer(times_s: Sequence[float], seconds: float, versions: int) -> None:
    """One line: how many a second, and how long each took."""
    cuts = quantiles(times_s, n=100)
    latency = {"p50": cuts[49] * 1000, "p99": cuts[98] * 1000}
    told = {"per_s": len(times_s) / seconds, "latency_ms": latency, "versions": versions}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
