"""What the clients of a run saw: one JSON line an operation, times from one monotonic clock.

A time-out, a reset or a 502 to 504 is `info`: it may have taken effect, and no checker may count it as a failure.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import IO, Any

AMBIGUOUS = frozenset({502, 503, 504})


class Out(StrEnum):
    OK = "ok"
    FAIL = "fail"
    INFO = "info"


@dataclass(frozen=True, kw_only=True, slots=True)
class Op:
    """One operation of one client: `key` is the aggregate, `val` the command's own unique value."""

    i: int
    t0: float
    t1: float
    proc: int
    op: str
    key: str
    val: Any
    out: Out
    http: int | None = None
    idem: str | None = None
    ver: int | None = None
    code: str | None = None


def outcome_of(status: int | None) -> Out:
    """From an HTTP status; None when no answer came back."""
    if status is None or status in AMBIGUOUS:
        return Out.INFO
    return Out.OK if 200 <= status < 300 else Out.FAIL


def write(history: Iterable[Op], lines: IO[str]) -> None:
    for op in history:
        lines.write(json.dumps(asdict(op), default=str) + "\n")


def read(lines: Iterable[str]) -> Iterator[Op]:
    for line in lines:
        fields = json.loads(line)
        yield Op(**{**fields, "out": Out(fields["out"])})
