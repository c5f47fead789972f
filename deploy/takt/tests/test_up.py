"""The interface for scripts, kept to the letter: up, status, down. More of it, and every kill, in test_stack.py."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

TAKT = [sys.executable, "-m", "takt"]
SERVICES = ("gateway", "operations", "records", "imports")

pytestmark = [pytest.mark.db, pytest.mark.broker, pytest.mark.timeout(180)]


def takt(*arguments: str) -> str:
    return subprocess.run([*TAKT, *arguments], stdout=subprocess.PIPE, text=True, timeout=170, check=True).stdout


def status(data: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(takt("status", "--json", "--data", data))
    return found


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, Any]]:
    home = Path(tempfile.mkdtemp(prefix="takt-up-"))
    home.chmod(0o755)
    data = str(home / "data")
    try:
        takt("up", "--detach", "--data", data)
        yield status(data)
    finally:
        takt("down", "--data", data)
        shutil.rmtree(home, ignore_errors=True)


def test_status_names_addresses_processes_and_files(running: dict[str, Any]) -> None:
    assert set(running) >= {*SERVICES, "kafka", "postgres", "pids", "data", "credentials"}
    assert all(re.fullmatch(r"http://127\.0\.0\.1:\d+", running[service]) for service in SERVICES)
    assert re.fullmatch(r"127\.0\.0\.1:\d+", running["kafka"])
    assert re.fullmatch(r"postgresql://127\.0\.0\.1:\d+/takt", running["postgres"])
    pids = status(running["data"])["pids"]  # another test may have made one of them start again
    assert set(pids) >= {*SERVICES, "imports-worker", "kafka", "postgres"}
    assert all(psutil.pid_exists(pid) for pid in pids.values())


def test_credentials_are_the_owner_s_and_open_the_door(running: dict[str, Any]) -> None:
    credentials = Path(running["credentials"])
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600
    assert set(json.loads(credentials.read_text())) == {"username", "password"}

    address, kind = f"{running['gateway']}/api/v1/auth/login", {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, credentials.read_bytes(), kind), timeout=20) as answer:
        assert json.load(answer)["token_type"] == "Bearer"


def test_a_killed_service_is_back_under_the_same_address(running: dict[str, Any]) -> None:
    os.kill(running["pids"]["records"], signal.SIGKILL)

    ends_at = time.monotonic() + 60
    while not (_is_ready(running["records"]) and _pid(running) not in {None, running["pids"]["records"]}):
        assert time.monotonic() < ends_at
        time.sleep(0.2)


def _pid(running: dict[str, Any]) -> int | None:
    found: dict[str, int] = json.loads((Path(running["data"]) / "run" / "status.json").read_text())["pids"]
    return found.get("records")


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
