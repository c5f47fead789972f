"""What the processes of a run have logged: no trace of a bug, and no answer that says "internal"."""

import json
from collections.abc import Iterable, Iterator, Mapping

from tests.faults.checkers.verdict import Anomaly, Verdict, judge

_TRACE = "Traceback (most recent call last)"


def clean(lines: Mapping[str, Iterable[str]], *, least: int = 1) -> Verdict:
    """`lines` by process. Kinds: traceback, internal (a request answered with 500). Needs `least` lines in all."""
    read = [(process, line) for process, said in lines.items() for line in said]
    anomalies = [anomaly for process, line in read for anomaly in _judge(process, line)]
    return judge("logs", anomalies, {"processes": len(lines), "lines": len(read)}, {"lines": least})


def _judge(process: str, line: str) -> Iterator[Anomaly]:
    fields = _fields(line)
    if _TRACE in line:
        yield Anomaly("traceback", f"{process}: {fields.get('message', '')} {line[:200]} ... {line[-300:]}")
    if fields.get("status") == 500:
        yield Anomaly("internal", f"{process}: {line[:300]}")


def _fields(line: str) -> dict[str, object]:
    """Of a line that is a JSON object; other programs write as they like."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
