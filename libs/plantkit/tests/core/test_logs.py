"""Each log line is one JSON object with all the fields that design.md 9 and dashboards count on."""

import json
import subprocess
import sys

PROGRAM = """
import logging
from plantkit.observability import logs
logs.start("INFO")
logs.get("operations.production").info("operation.started", order="WO-1")
logging.getLogger("somebody.else").warning("their %s", "words\\n{\\"level\\": \\"fatal\\"}")
try:
    1 / 0
except ZeroDivisionError as error:
    logs.get("plantkit").error("it.failed", exc_info=error)
"""
FIELDS = [
    "timestamp", "level", "logger", "message", "module", "function", "line",
    "request_id", "trace_id", "user_id", "resource", "duration_ms",
]  # fmt: skip


def lines() -> list[dict[str, object]]:
    printed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_every_line_has_the_same_fields_first() -> None:
    for line in lines():
        assert list(line)[: len(FIELDS)] == FIELDS
        assert line["timestamp"]
        assert line["logger"]


def test_own_fields_ride_along() -> None:
    [ours, *_] = lines()

    assert (ours["message"], ours["order"], ours["level"]) == ("operation.started", "WO-1", "info")


def test_a_line_break_in_foreign_words_makes_no_second_line() -> None:
    found = lines()

    assert len(found) == 3
    assert found[1]["message"] == 'their words\n{"level": "fatal"}'


def test_a_failure_carries_its_traceback() -> None:
    assert "ZeroDivisionError" in str(lines()[2]["exception"])
