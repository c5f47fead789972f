"""Each log line is one JSON object with all the fields that design.md 9 and dashboards count on."""

import json
import logging
import subprocess
import sys

import pytest
from aiokafka.errors import KafkaConnectionError

import plantkit.messaging.broker  # noqa: F401 - it tells FastStream's logger how to speak

PROGRAM = """
import logging
from faststream.kafka import KafkaBroker
from plantkit.observability import logs
logs.start("INFO")
logs.get("operations.production").info("operation.started", order="WO-1")
logging.getLogger("somebody.else").warning("their %s", "words\\n{\\"level\\": \\"fatal\\"}")
try:
    1 / 0
except ZeroDivisionError as error:
    logs.get("plantkit").error("it.failed", exc_info=error)
logging.getLogger("faststream").warning("a library's \\x9b[31mown \\u2028format\\x85 \\u202e\\ue000\\U000e0001")
"""
FIELDS = [
    "timestamp", "level", "logger", "message", "module", "function", "line",
    "request_id", "trace_id", "user_id", "resource", "duration_ms",
]  # fmt: skip


Lines = list[dict[str, object]]


@pytest.fixture(scope="module")
def lines() -> Lines:
    """What a process that runs the program prints."""
    printed = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in printed.splitlines()]  # splits at every sign that any reader breaks at


def test_every_line_has_the_same_fields_first(lines: Lines) -> None:
    for line in lines:
        assert list(line)[: len(FIELDS)] == FIELDS
        assert line["timestamp"]
        assert line["logger"]


def test_own_fields_ride_along(lines: Lines) -> None:
    [ours, *_] = lines

    assert (ours["message"], ours["order"], ours["level"]) == ("operation.started", "WO-1", "info")


def test_a_line_break_in_foreign_words_makes_no_second_line(lines: Lines) -> None:
    assert len(lines) == 4
    assert lines[1]["message"] == 'their words\n{"level": "fatal"}'


def test_a_failure_carries_its_traceback(lines: Lines) -> None:
    assert "ZeroDivisionError" in str(lines[2]["exception"])


def test_a_library_with_a_format_of_its_own_speaks_ours_and_commands_no_terminal(lines: Lines) -> None:
    foreign = lines[3]

    assert (foreign["logger"], foreign["level"]) == ("faststream", "warning")
    assert foreign["message"] == "a library's \x9b[31mown \u2028format\x85 \u202e\ue000\U000e0001"


def test_a_broker_in_trouble_is_said_without_a_trace_and_a_bug_with_one(caplog):
    quiet = logging.getLogger("plantkit.messaging.faststream")
    for error in (KafkaConnectionError("away"), RuntimeError("a bug")):
        quiet.error("Kafka error occurred", exc_info=error)

    away, bug = caplog.records
    assert (away.getMessage(), away.exc_info) == ("Kafka error occurred: KafkaConnectionError", None)
    assert bug.exc_info is not None
