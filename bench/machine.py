"""What the contestants stand on: one PostgreSQL with fsync, one Kafka, child processes, and what each of them used."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError

import asyncpg
import psutil

from plantkit import migrate
from plantkit.db import provision
from takt.embedded.kafka import Kafka
from takt.embedded.postgres import Postgres

PASSWORD = "p4ssw0rd-of-a-throw-away-bench-database"
_READY_S = 60.0
# As a stack has it, and room for the connections of every contestant. fsync and synchronous_commit stay on.
_SETTINGS = {"max_connections": "200", "max_wal_size": "4GB", "checkpoint_timeout": "30min"}


@contextmanager
def database_server(**more: str) -> Iterator[Postgres]:
    """`more`: settings of the server that a bench needs beside those of all."""
    with tempfile.TemporaryDirectory(prefix="takt-bench-") as folder:
        Path(folder).chmod(0o755)  # the server may run as another user, who has to get in
        with Postgres.start(Path(folder) / "postgres", settings=_SETTINGS | more) as server:
            yield server


@contextmanager
def broker() -> Iterator[Kafka]:
    with tempfile.TemporaryDirectory(prefix="takt-bench-") as folder, Kafka.start(Path(folder) / "kafka") as cluster:
        yield cluster


@contextmanager
def stack(home: Path) -> Iterator[dict[str, Any]]:
    """A whole stack, as `takt up` starts it; what `takt status --json` says of it."""
    home.chmod(0o755)  # the database may run as another user, who has to get in
    data = ["--data", str(home / "data")]
    _takt("up", "--detach", *data)
    try:
        yield json.loads(_takt("status", "--json", *data))
    finally:
        _takt("down", *data)


def _takt(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "takt", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def make_database(server: Postgres, name: str, *services: str) -> None:
    """A database with the roles and empty schemas of these services."""
    asyncio.run(_make_database(server, name, services))


async def _make_database(server: Postgres, name: str, services: Sequence[str]) -> None:
    admin = await asyncpg.connect(server.url)
    await admin.execute(f"CREATE DATABASE {name}")
    await admin.close()
    inside = await asyncpg.connect(database_url(server, name))
    for statement in provision.database_statements(name):
        await inside.execute(statement)
    for service in services:
        passwords = {"owner_password": PASSWORD, "app_password": PASSWORD}
        for statement in provision.statements(service, **passwords, database=name):
            await inside.execute(statement)
    await inside.close()


def migrate_schemas(server: Postgres, database: str, *services: str) -> None:
    for service in services:
        migrate.upgrade(service, role_url(server, database, service, "owner"))


def database_url(server: Postgres, name: str) -> str:
    """For the superuser."""
    return server.url.removesuffix("/postgres") + f"/{name}"


def role_url(server: Postgres, database: str, service: str, role: str) -> str:
    return f"postgresql://{service}_{role}:{PASSWORD}@127.0.0.1:{server.port}/{database}"


@dataclass(frozen=True)
class Child:
    """A process of a contestant, serving at `port` where it serves."""

    name: str
    process: "subprocess.Popen[str]"
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def child(name: str, argv: Sequence[str], environment: Mapping[str, str], port: int = 0) -> Iterator[Child]:
    """A Python process with pipes to talk through; what it logs goes to the temporary folder's file of its name."""
    with tempfile.NamedTemporaryFile("w+", prefix=f"takt-bench-{name}-", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, *argv],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if not port else log,
            stderr=log,
            text=True,
        )
        try:
            yield Child(name, process, port)
        except BaseException:
            sys.stderr.write(f"--- last lines of {name}\n{Path(log.name).read_text()[-3000:]}\n")
            raise
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def served(name: str, argv: Sequence[str], environment: Mapping[str, str], port: int, ready: str) -> Iterator[Child]:
    """An HTTP service; yields when `ready` answers 200."""
    with child(name, argv, environment, port) as started:
        _await(started, ready)
        yield started


def _await(started: Child, path: str) -> None:
    ends_at = time.monotonic() + _READY_S
    while time.monotonic() < ends_at and started.process.poll() is None:
        try:
            with urllib.request.urlopen(started.url + path, timeout=1) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{started.name} did not become ready")


def peak_mib(pid: int) -> float:
    """The most memory a process ever had (VmHWM)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def family_peak_mib(pid: int) -> float:
    """The largest of a process and its children: shared memory makes a sum meaningless."""
    return max(_of_family(pid, lambda member: peak_mib(member.pid)))


def cpu_s(pid: int) -> float:
    """Spent so far by a process and its children, those that have ended included."""
    return sum(_of_family(pid, _spent))


def busy_s() -> float:
    """CPU time that the whole machine has spent so far: what a turn's own processes did not use went to strangers."""
    times = psutil.cpu_times()
    return times.user + times.system


def _spent(member: psutil.Process) -> float:
    times = member.cpu_times()
    return times.user + times.system + times.children_user + times.children_system


def _of_family(pid: int, measure: Callable[[psutil.Process], float]) -> list[float]:
    """Of all that are alive; a server's workers come and go while one looks."""
    found = []
    for member in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        with suppress(psutil.NoSuchProcess, FileNotFoundError):
            found.append(measure(member))
    return found
