"""PostgreSQL 18: the binaries of a wheel, a launcher of our own (the wheel's helper opens up parent folders)."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from takt.embedded import identity
from takt.embedded.ports import own_port
from takt.embedded.process import Launch, spawn, stop, wait_until
from takt.errors import StackError, from_os_error

_START_LIMIT_S = 30
_STOP_LIMIT_S = 20
_EXEC_LIMIT_S = 5


class Postgres:
    """One database server on a loopback port. State: `data_dir`; its superuser is `postgres`."""

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        log: Path | None = None,
        settings: Mapping[str, str] | None = None,
        who: identity.Identity | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port or own_port()
        self.log = log or self.data_dir / "postgres.log"
        self._settings = {"max_connections": "100", **(settings or {})}
        self._who = who
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(cls, data_dir: Path, port: int | None = None, *, settings: Mapping[str, str] | None = None) -> Self:
        """Make the cluster if there is none, start it and return when it answers."""
        server = cls(data_dir, port, settings=settings)
        server.prepare()
        server.spawn()
        server.wait_ready()
        return server

    def prepare(self) -> None:
        """Folders, password and cluster; does nothing where they exist."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            if self._who is None:
                self._who = identity.choose(self.data_dir / "cluster")
            if not (self._who.cluster / "PG_VERSION").exists():
                self._initialise(self._who)
        except OSError as error:
            raise from_os_error(error, self.data_dir) from error

    def spawn(self) -> None:
        """Start the server without waiting, from a thread that outlives it (see process.spawn)."""
        assert self._who is not None, "prepare() comes first"
        remove_stale_pid_file(self._who.cluster)
        arguments = ["-D", str(self._who.cluster), "-p", str(self.port)]
        for name, value in {**_SETTINGS, **self._settings}.items():
            arguments += ["-c", f"{name}={value}"]
        argv = self._who.command("postgres", *arguments)
        launch = Launch(argv, self.log, signal.SIGINT, _environment(), self._who.user, self._who.cluster)
        self._process = spawn(launch)
        _await_exec(self._process, "postgres")

    def wait_ready(self) -> None:
        wait_until(self._is_ready, self.process, self.log, _START_LIMIT_S)

    def stop(self) -> None:
        """Fast shutdown: sessions are ended, everything committed is on disk."""
        if self._process is not None:
            stop(self._process, signal.SIGINT, _STOP_LIMIT_S)

    def psql(self, script: Path, environment: Mapping[str, str], database: str = "postgres") -> None:
        """Run a script as superuser. Raises StackError with the first line that failed."""
        done = self._psql(["-f", str(script)], database, environment)
        if done.returncode:
            raise StackError(f"The database could not be prepared: {(done.stderr.splitlines() or ['psql failed'])[0]}")

    def ask(self, question: str, database: str) -> str:
        """The one value that a query answers with, as text; empty when it fails."""
        return self._psql(["-At", "-c", question], database, {}).stdout.strip()

    def _psql(
        self, arguments: Sequence[str], database: str, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        argv = [str(identity.wheel_binaries() / "bin" / "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *arguments]
        login = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": database}
        variables = {**_environment(), **login, "PGPASSWORD": self.password, **environment}
        return subprocess.run(argv, env=variables, capture_output=True, text=True, check=False)

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "spawn() comes first"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def max_connections(self) -> int:
        return int(self._settings["max_connections"])

    @property
    def password(self) -> str:
        """Of the superuser."""
        return (self.data_dir / "superuser").read_text()

    @property
    def url(self) -> str:
        """For the superuser and the maintenance database; replace both as needed."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def _initialise(self, who: identity.Identity) -> None:
        password = secrets.token_urlsafe(24)
        with tempfile.NamedTemporaryFile("w", prefix="takt-") as file:
            file.write(password)
            file.flush()
            if who.user:
                shutil.chown(file.name, who.user)
            done = self._initdb(who, file.name)
        if done.returncode:
            raise StackError(f"The database cluster could not be made in {who.cluster}: {_reason(done.stderr)}")
        write_secret(self.data_dir / "superuser", password)

    def _initdb(self, who: identity.Identity, password_file: str) -> subprocess.CompletedProcess[str]:
        argv = who.command("initdb", "-D", str(who.cluster), f"--pwfile={password_file}", *_INITDB)
        return subprocess.run(
            argv,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            user=who.user,
            group="nogroup" if who.user else None,
            cwd="/",
        )

    def _is_ready(self) -> bool:
        """The server writes its own state into the pid file; a port that answers may be somebody else's."""
        assert self._who is not None
        try:
            lines = (self._who.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


_INITDB = (
    "--username=postgres",
    "--auth=scram-sha-256",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--encoding=UTF8",
)
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "autovacuum_naptime": "5s",  # a backlog that was told leaves dead names, which each read of the relay passes over
}


def write_secret(path: Path, text: str) -> None:
    """Readable by its owner only, from its first moment."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text)


def remove_stale_pid_file(cluster: Path) -> None:
    """Remove `postmaster.pid` unless a postgres of this very cluster holds it; wait for one that is going down."""
    path = cluster / "postmaster.pid"
    ends_at = time.monotonic() + _STOP_LIMIT_S
    while path.exists() and (holder := _holder(path, cluster)) is not None:
        if time.monotonic() > ends_at:
            raise StackError(f"Another PostgreSQL (process {holder}) runs on {cluster}: stop it first.")
        time.sleep(0.1)
    path.unlink(missing_ok=True)


def _await_exec(process: subprocess.Popen[bytes], program: str) -> None:
    """`unshare` becomes the server within milliseconds; a pid file that is written before names the wrong program."""
    ends_at = time.monotonic() + _EXEC_LIMIT_S
    while process.poll() is None and time.monotonic() < ends_at:
        with suppress(psutil.Error):
            if Path(psutil.Process(process.pid).exe()).name == program:
                return
        time.sleep(0.002)


def _holder(path: Path, cluster: Path) -> int | None:
    try:
        pid = int(path.read_text().splitlines()[0])
        process = psutil.Process(pid)
        is_ours = Path(process.exe()).name == "postgres" and os.fspath(cluster) in process.cmdline()
    except (psutil.Error, OSError, ValueError, IndexError):
        return None
    return pid if is_ours and process.status() != psutil.STATUS_ZOMBIE else None


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _reason(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line or "FATAL" in line), lines[-1] if lines else "initdb failed")
