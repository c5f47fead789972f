"""What stops a start says so in one sentence, with an exit code that is not 0, and leaves nothing running."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from takt.commands.stack import refuse_platform
from takt.errors import StackError
from takt.stack.folder import DataFolder, Remembered

UP = [sys.executable, "-m", "takt", "up", "--detach"]


@pytest.fixture
def data() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="takt-refused-"))
    folder.chmod(0o755)
    yield folder / "data"
    shutil.rmtree(folder, ignore_errors=True)


def sentence(*argv: str, **variables: str) -> str:
    """The one line on stderr of a refused command."""
    done = subprocess.run(
        argv, env={**os.environ, **variables}, capture_output=True, text=True, timeout=50, check=False
    )
    told = [line for line in done.stderr.splitlines() if line.startswith("takt: ")]
    assert done.returncode == 1, done.stderr
    assert len(told) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return told[0]


def running_on(data: Path) -> list[psutil.Process]:
    return [
        process for process in psutil.process_iter(["cmdline"]) if str(data) in " ".join(process.info["cmdline"] or [])
    ]


def test_a_taken_port(data: Path) -> None:
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        port = str(somebody.getsockname()[1])

        assert f"Port {port} is taken" in sentence(*UP, "--data", str(data), "--port", port)
    assert running_on(data) == []


def test_a_port_below_1024_without_the_right_to_it(data: Path) -> None:
    as_user = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]

    assert "choose one above 1023" in sentence(*as_user, *UP, "--data", str(data), "--port", "81")


def test_a_full_disk(data: Path) -> None:
    data.mkdir()
    mounted = f"mount -t tmpfs -o size=16m tmpfs {data} && exec {' '.join(UP)} --data {data}/stack"

    assert "disk that holds" in (
        said := sentence("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mounted)
    )
    assert "is full" in said


def test_a_folder_that_is_not_ours_to_write(data: Path) -> None:
    data.mkdir(mode=0o500)
    as_user = ["unshare", "--user", "--map-user=65534", "--map-group=65534", "--"]

    said = sentence(*as_user, *UP, "--data", str(data / "stack"))

    assert f"No permission to write {data}" in said


@pytest.mark.db  # the database is already starting when the fetch fails
def test_no_network_at_the_first_start(data: Path, tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:9"

    said = sentence(*UP, "--data", str(data), HTTPS_PROXY=nowhere, https_proxy=nowhere, TAKT_CACHE=str(tmp_path))

    assert "The first start needs the network" in said
    assert running_on(data) == []


def test_pools_that_the_database_cannot_serve(data: Path) -> None:
    said = sentence(*UP, "--data", str(data), TAKT_OPERATIONS_DB_POOL_SIZE="80")

    assert "add up to 108, more than max_connections - 10 = 90" in said


def test_another_number_of_brokers(data: Path) -> None:
    folder = DataFolder(data)
    folder.make()
    folder.remember(Remembered("plant-1", 3))

    assert "was made with --brokers 3" in sentence(*UP, "--data", str(data), "--brokers", "1")


@pytest.mark.parametrize(("system", "machine"), [("darwin", "arm64"), ("win32", "AMD64"), ("linux", "riscv64")])
def test_a_platform_without_binaries(system: str, machine: str) -> None:
    with pytest.raises(StackError, match="Linux on x86-64 or arm64"):
        refuse_platform(system, machine)


def test_status_of_a_folder_without_a_stack(data: Path) -> None:
    status = [sys.executable, "-m", "takt", "status", "--json", "--data", str(data)]

    assert f"No stack runs on {data}" in sentence(*status)


def test_down_of_a_folder_without_a_stack_is_no_mistake(data: Path) -> None:
    down = [sys.executable, "-m", "takt", "down", "--data", str(data)]

    done = subprocess.run(down, capture_output=True, text=True, check=True)

    assert f"Nothing runs on {data}" in done.stdout
    assert done.stderr == ""
