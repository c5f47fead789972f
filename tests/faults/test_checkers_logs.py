"""The scan of logs convicts planted lines, passes good ones, and admits when there was nothing to read."""

import json

from tests.faults.checkers import logs
from tests.faults.checkers.verdict import Truth

GOOD = [json.dumps({"level": "info", "message": "http.answered", "status": 503}), "a line of another program", "[1]"]


def test_lines_without_a_bug_pass() -> None:
    assert logs.clean({"operations": GOOD}).truth is Truth.TRUE


def test_a_trace_is_convicted_in_json_and_in_plain_text() -> None:
    planted = [
        "Traceback (most recent call last):",
        json.dumps({"exception": "Traceback (most recent call last):\n x"}),
    ]

    for line in planted:
        assert logs.clean({"operations": GOOD, "records": [line]}).kinds == {"traceback"}


def test_an_answer_that_says_internal_is_convicted() -> None:
    assert logs.clean({"operations": [json.dumps({"status": 500})]}).kinds == {"internal"}


def test_no_line_at_all_proves_nothing() -> None:
    assert logs.clean({"operations": []}).truth is Truth.UNKNOWN
