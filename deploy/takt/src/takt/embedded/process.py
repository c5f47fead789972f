"""Starting a program so that it can be told apart, found again and never left behind."""

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from takt.errors import StackError

_PR_SET_PDEATHSIG = 1
_REFUSED = ("Address already in use", "No space left")
_libc = ctypes.CDLL(None)
_libc_prctl = _libc.prctl


@dataclass(frozen=True)
class Launch:
    """How one program is started. `as_user` needs root."""

    argv: Sequence[str]
    log: Path
    end_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] | None = None
    as_user: str | None = None
    folder: Path | None = None
    pass_fds: Sequence[int] = field(default=())


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Start in a session of its own, so that the terminal's Ctrl-C reaches the launcher only.

    The program gets `end_signal` when the *thread* that called this ends: call it from one that lives long.
    """
    us = os.getpid()
    with launch.log.open("ab") as log:
        return subprocess.Popen(
            launch.argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=launch.environment,
            cwd=launch.folder,
            user=launch.as_user,
            group="nogroup" if launch.as_user == "nobody" else None,
            extra_groups=[] if launch.as_user else None,
            start_new_session=True,
            pass_fds=launch.pass_fds,
            preexec_fn=lambda: die_with_parent(launch.end_signal, us),  # noqa: PLW1509 - two system calls, no locks
        )


def die_with_parent(end_signal: signal.Signals, parent: int) -> None:
    """Ask the kernel to send `end_signal` to this process when the thread that started it ends; end now if it has."""
    _libc_prctl(_PR_SET_PDEATHSIG, int(end_signal))
    if os.getppid() != parent:
        os._exit(1)


def stop(process: subprocess.Popen[bytes], end_signal: signal.Signals, patience_s: float) -> int:
    """Ask, wait, then kill the whole group. Returns the exit code."""
    if process.poll() is None:
        process.send_signal(end_signal)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            kill_group(process.pid)
    return process.wait()


def kill_group(leader: int) -> None:
    """Kill a session leader and all that it started."""
    try:
        family = [psutil.Process(leader), *psutil.Process(leader).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, limit_s: float, since: int | None = None
) -> None:
    """Return when `ready()`. Raises StackError with the log's `last_line` when the program ends or the time is up."""
    ends_at = time.monotonic() + limit_s
    while not ready():
        if process.poll() is not None:
            raise StackError(f"{log.stem} ended while starting (exit {process.returncode}): {last_line(log, since)}")
        if time.monotonic() > ends_at:
            raise StackError(f"{log.stem} was not ready within {limit_s:.0f} s: {last_line(log, since)}")
        time.sleep(0.02)


def last_line(log: Path, since: int | None = None) -> str:
    """The line that tells most: what the system refused first, else the last error, else the last line at all.

    Of what was written after byte `since`; without it, of 40 lines, which hardly reach back to an earlier start.
    """
    text = log.read_bytes()[since or 0 :].decode(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines()[-40 if since is None else 0 :] if line.strip()]
    refused = [line for line in lines if any(reason in line for reason in _REFUSED)]
    errors = [line for line in lines if "FATAL" in line or "ERROR" in line]
    return (refused[:1] or errors or lines or [f"see {log}"])[-1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
