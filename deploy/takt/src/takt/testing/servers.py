"""PostgreSQL and Kafka, once per run: the first worker that asks starts them, the kernel knows when the last is gone.

Each user of a server holds a shared lock on a file for as long as its process lives. A keeper process owns the server
and waits for the exclusive lock: it gets it when every user has ended, however it ended, and stops the server.
"""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

import psutil
import pytest

Kind = Literal["postgres", "kafka"]

RUN_FOLDER = "TAKT_TEST_RUN"
START_S = 300  # a first start fetches the broker's files
STOP_S = 30


class ServerFailed(Exception):
    """The embedded server that this run needs did not start."""


@dataclass
class SharedServer:
    kind: Kind
    run: Path
    _use: IO[bytes] | None = field(default=None, repr=False)

    @property
    def folder(self) -> Path:
        return self.run / self.kind

    def address(self) -> str:
        """Address of the running server; starts it when nobody has."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._use = self._use or self._hold()
        with _exclusively(self.folder / "start.lock"):
            return self._known() or self._start()

    def _hold(self) -> IO[bytes]:
        users = (self.folder / "users.lock").open("wb")
        fcntl.flock(users, fcntl.LOCK_SH)
        return users

    def _known(self) -> str | None:
        try:
            return str(json.loads((self.folder / "address.json").read_text())["address"])
        except FileNotFoundError:
            return None

    def _start(self) -> str:
        with (self.folder / "keeper.log").open("wb") as log:
            # Its end is awaited by the controller, not by the worker that happened to come first.
            keeper = subprocess.Popen(
                [sys.executable, "-m", "takt.testing.keeper", self.kind, str(self.folder)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/",
            )  # fmt: skip
        (self.folder / "keeper.pid").write_text(str(keeper.pid))
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and keeper.poll() is None:
            address = self._known()
            if address is not None:
                keeper.returncode = 0  # not ours to reap
                return address
            time.sleep(0.05)
        raise ServerFailed(f"{self.kind} did not start: {(self.folder / 'keeper.log').read_text()[-2000:]}")

    def release(self) -> None:
        if self._use is not None:
            self._use.close()
            self._use = None


@contextmanager
def _exclusively(path: Path) -> Iterator[None]:
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class _Run:
    """The run's folder and the servers that this process uses."""

    def __init__(self) -> None:
        self.servers: dict[Kind, SharedServer] = {}

    def server(self, kind: Kind) -> SharedServer:
        return self.servers.setdefault(kind, SharedServer(kind, Path(os.environ[RUN_FOLDER])))


_RUN = pytest.StashKey[_Run]()
_OWNER = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_RUN] = _Run()
    config.stash[_OWNER] = not hasattr(config, "workerinput")
    if config.stash[_OWNER]:
        folder = tempfile.mkdtemp(prefix="takt-test-")
        Path(folder).chmod(0o755)  # the database may run as another user, who has to get in
        os.environ[RUN_FOLDER] = folder


def pytest_unconfigure(config: pytest.Config) -> None:
    run = config.stash.get(_RUN, None)
    if run is None:
        return
    for server in run.servers.values():
        server.release()
    if config.stash[_OWNER]:
        folder = Path(os.environ.pop(RUN_FOLDER))
        for pid_file in folder.glob("*/keeper.pid"):
            with contextlib.suppress(FileNotFoundError):  # the keeper was quicker and has taken its folder along
                _await(int(pid_file.read_text()))
        shutil.rmtree(folder, ignore_errors=True)


def _await(pid: int) -> None:
    """Wait until a keeper has stopped its server; press it when it is late: a forked child may hold its lock."""
    try:
        keeper = psutil.Process(pid)
    except psutil.NoSuchProcess:
        return
    try:
        keeper.wait(STOP_S)
    except psutil.TimeoutExpired:
        keeper.terminate()
        psutil.wait_procs([keeper], STOP_S)


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> str:
    """URL of the superuser of this run's PostgreSQL."""
    return pytestconfig.stash[_RUN].server("postgres").address()


@pytest.fixture(scope="session")
def kafka_bootstrap(pytestconfig: pytest.Config) -> str:
    """host:port of this run's Kafka broker."""
    return pytestconfig.stash[_RUN].server("kafka").address()
