"""The whole stack, as scripts see it: up, status, down, and what survives which kill."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

TAKT = [sys.executable, "-m", "takt"]
SERVICES = ("gateway", "operations", "records", "imports")

pytestmark = pytest.mark.long


def takt(*arguments: str) -> str:
    done = subprocess.run([*TAKT, *arguments], capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def status(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(takt("status", "--json", "--data", str(data)))
    return found


@pytest.fixture
def folder() -> Iterator[Callable[[], Path]]:
    """Data folders; whatever still runs on them afterwards is stopped."""
    made: list[Path] = []

    def one() -> Path:
        home = Path(tempfile.mkdtemp(prefix="takt-stack-"))
        home.chmod(0o755)
        made.append(home)
        return home / "data"

    yield one
    for home in made:
        takt("down", "--data", str(home / "data"))
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def up(folder: Callable[[], Path]) -> Callable[..., dict[str, Any]]:
    def start(*options: str, data: Path | None = None) -> dict[str, Any]:
        path = data or folder()
        takt("up", "--detach", "--data", str(path), *options)
        return status(path)

    return start


def is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(done: Callable[[], bool], limit_s: float = 60) -> None:
    ends_at = time.monotonic() + limit_s
    while not done():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.1)


def are_gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def launcher_of(running: dict[str, Any]) -> int:
    return psutil.Process(running["pids"]["kafka"]).ppid()


def test_down_leaves_nothing_running(up: Callable[..., dict[str, Any]]) -> None:
    running = up()
    pids = [*running["pids"].values(), launcher_of(running)]

    takt("down", "--data", running["data"])

    until(lambda: are_gone(pids), 5)


def test_two_stacks_live_side_by_side(up: Callable[..., dict[str, Any]]) -> None:
    first, second = up(), up()

    assert set(first["pids"].values()).isdisjoint(second["pids"].values())
    takt("down", "--data", first["data"])
    assert all(is_healthy(second[service]) for service in SERVICES)


def test_what_is_killed_starts_again(up: Callable[..., dict[str, Any]]) -> None:
    running = up()
    for name in ("operations", "imports-worker", "postgres", "kafka", "services"):
        os.kill(running["pids"][name], signal.SIGKILL)
        until(lambda name=name: status(Path(running["data"]))["pids"].get(name) not in (None, running["pids"][name]))  # type: ignore[misc] # a default binds the loop's name
        until(lambda: all(is_healthy(running[service]) for service in SERVICES))


def test_a_killed_launcher_leaves_nothing_and_the_next_start_works(up: Callable[..., dict[str, Any]]) -> None:
    before = up()
    os.kill(launcher_of(before), signal.SIGKILL)

    after = up(data=Path(before["data"]))

    assert are_gone(list(before["pids"].values()))
    assert all(is_healthy(after[service]) for service in SERVICES)


def test_down_stops_what_a_killed_launcher_left(up: Callable[..., dict[str, Any]]) -> None:
    before = up()
    os.kill(launcher_of(before), signal.SIGKILL)
    takt("down", "--data", before["data"])

    assert are_gone(list(before["pids"].values()))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_services_then_broker_then_database(folder: Callable[[], Path], how: signal.Signals) -> None:
    data = folder()
    with subprocess.Popen(
        [*TAKT, "up", "--data", str(data)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as foreground:
        until(lambda: (data / "run" / "status.json").exists() and is_healthy(status(data)["gateway"]), 100)
        pids = list(status(data)["pids"].values())
        foreground.send_signal(how)
        assert foreground.wait(60) == 0

    assert are_gone(pids)
    services = max(_time_of(data, name, "service.stopped") for name in SERVICES)
    assert services < _time_of(data, "kafka", "shut down completely") < _time_of(data, "postgres", "is shut down")


@pytest.mark.parametrize("after_s", [0.3, 1.5, 4])
def test_a_start_that_is_given_up_leaves_nothing(folder: Callable[[], Path], after_s: float) -> None:
    data = folder()
    with subprocess.Popen([*TAKT, "up", "--data", str(data)], stderr=subprocess.DEVNULL) as foreground:
        until((data / "run" / "launcher.pid").exists)
        time.sleep(after_s)
        foreground.send_signal(signal.SIGTERM)
        assert foreground.wait(60) == 0
    time.sleep(0.5)

    assert [process for process in psutil.process_iter(["cmdline"]) if str(data) in str(process.info["cmdline"])] == []


def _time_of(data: Path, name: str, words: str) -> str:
    lines = (data / "logs" / f"{name}.log").read_text().splitlines()
    [line] = [line for line in lines if words in line][-1:]
    found = re.search(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d\.\d{3})", line)
    assert found is not None
    return " ".join(found.groups())


def test_split_runs_every_loop_in_a_process_of_its_own(up: Callable[..., dict[str, Any]]) -> None:
    running = up("--split")

    wanted = {f"{service}{loop}" for service in SERVICES for loop in ("", "-relay", "-consumers")} | {"imports-worker"}
    assert set(running["pids"]) >= wanted
    assert len({running["pids"][name] for name in wanted}) == 13


def test_three_brokers(up: Callable[..., dict[str, Any]]) -> None:
    running = up("--brokers", "3")

    assert len(running["kafka"].split(",")) == 3
    assert set(running["pids"]) >= {"kafka", "kafka-1", "kafka-2"}
    assert all(is_healthy(running[service]) for service in SERVICES)


def test_the_demo_shows_what_landed_and_can_be_run_again(folder: Callable[[], Path]) -> None:
    data = folder()
    first = takt("demo", "--once", "--data", str(data))
    with subprocess.Popen([*TAKT, "demo", "--data", str(data)], stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        second = ""
        while "limit=5" not in second:
            second += demo.stdout.readline()
        [line] = [line for line in second.splitlines() if line.startswith("curl ")]
        listed = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0

    assert len(json.loads(listed)["data"]) == 5
    for text in (first, second):
        assert "takt.operations.operation " in text
        assert "operations.operations " in text
        assert str(data / "credentials.json") in text
    assert re.search(r"Through the gateway: 0 created, \d+ were there, 0 steps done", second)
    assert shlex.quote(str(data / "credentials.json")) in line


def test_a_warm_start_is_fast_and_the_idle_stack_is_small(
    up: Callable[..., dict[str, Any]], folder: Callable[[], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    data = folder()
    up(data=data)
    takt("down", "--data", str(data))

    began = time.monotonic()
    running = up(data=data)
    took_s = time.monotonic() - began
    time.sleep(10)
    sizes = {name: _pss_mb(pid) for name, pid in {**running["pids"], "launcher": launcher_of(running)}.items()}

    with capsys.disabled():
        print(f"\nwarm start {took_s:.1f} s; idle {sum(sizes.values()):.0f} MB PSS: {sizes}")
    assert took_s <= 20
    assert sum(sizes.values()) <= 1200


def _pss_mb(pid: int) -> int:
    """Of a process and, for the database, its own children; services are counted by their own pids."""
    process = psutil.Process(pid)
    family = [process, *(process.children() if process.name() == "postgres" else ())]
    return int(sum(member.memory_full_info().pss for member in family) / 1e6)
