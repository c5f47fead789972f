import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from takt.stack.pids import PidFiles, Record


@pytest.fixture
def somebody() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def test_a_record_finds_the_very_process(somebody: subprocess.Popen[bytes]) -> None:
    record = Record.of(somebody.pid)
    assert record is not None
    found = record.process()
    assert found is not None
    assert found.pid == somebody.pid


def test_a_pid_that_now_belongs_to_somebody_else_is_left_alone(somebody: subprocess.Popen[bytes]) -> None:
    record = Record.of(somebody.pid)
    assert record is not None

    assert replace(record, started=record.started - 100).process() is None
    assert replace(record, executable="/bin/other").process() is None


def test_leftovers_are_stopped_and_forgotten(somebody: subprocess.Popen[bytes], tmp_path: Path) -> None:
    files = PidFiles(tmp_path)
    files.write("service", somebody.pid)

    assert files.clear_leftovers(patience_s=0.1) == ["service"]
    assert not psutil.pid_exists(somebody.pid)
    assert files.read() == {}
    assert files.clear_leftovers() == []


def test_a_process_that_is_gone_has_no_record() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    assert Record.of(ended.pid) is None
