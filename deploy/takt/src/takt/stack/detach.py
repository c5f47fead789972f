"""`takt up --detach`: a launcher of its own session, watched until everything runs."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import psutil

from takt.errors import StackError, from_os_error
from takt.stack.folder import DataFolder
from takt.stack.pids import PidFiles
from takt.stack.plan import Options
from takt.stack.report import Pipe, Report
from takt.stack.supervisor import Stack, run

_STOP_LIMIT_S = 90


def start(options: Options, report: Report) -> None:
    """Return when everything runs. Raises StackError with the launcher's own sentence when it gave up."""
    folder = DataFolder(options.data)
    folder.make()
    reader, writer = os.pipe()
    asked = json.dumps({**asdict(options), "data": str(folder.path)})
    with (folder.logs / "launcher.log").open("ab") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "takt.stack.detach", str(writer), asked],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=[writer],
        )
    os.close(writer)
    complaint: str | None = f"The launcher ended without a word: see {folder.logs / 'launcher.log'}."
    with os.fdopen(reader) as told:
        for line in told:  # to the end: it closes the pipe when it has ended, or when everything runs
            match json.loads(line):
                case {"say": str(sentence)}:
                    report.say(sentence)
                case {"fetching": [str(name), int(done), int(total)]}:
                    report.fetching(name, done, total)
                case {"error": error}:
                    complaint = error
    if complaint is not None:
        launcher.wait()
        raise StackError(complaint)
    launcher.returncode = 0  # it outlives us; nobody here waits for it


def stop(data: Path) -> bool:
    """Stop the stack of a folder, its launcher dead or alive. Returns whether anything ran."""
    folder = DataFolder(data)
    if not folder.run.exists():
        return False
    launcher = PidFiles(folder.run).read().get("launcher")
    process = launcher.process() if launcher else None
    if process is not None:
        process.send_signal(signal.SIGTERM)
        _await_end(process, folder)
        return True
    if folder.is_locked:
        raise StackError(f"A launcher holds {folder.path} but is not the one of its pid file: stop it by hand.")
    return bool(PidFiles(folder.run).clear_leftovers())


def _await_end(process: psutil.Process, folder: DataFolder) -> None:
    ends_at = time.monotonic() + _STOP_LIMIT_S
    while folder.is_locked or process.is_running():
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            return
        if time.monotonic() > ends_at:
            raise StackError(f"The stack on {folder.path} did not stop within {_STOP_LIMIT_S} s: see {folder.logs}.")
        time.sleep(0.05)


def main() -> None:
    """The detached launcher."""
    report = Pipe(os.fdopen(int(sys.argv[1]), "w"))
    os.set_inheritable(int(sys.argv[1]), False)
    asked = json.loads(sys.argv[2])
    options = Options(**{**asked, "data": Path(asked["data"])})

    def ready(_stack: Stack) -> None:
        report.tell(error=None)
        report.close()

    try:
        run(options, report, ready)
    except StackError as error:
        report.tell(error=str(error))
        sys.exit(1)
    except OSError as error:
        report.tell(error=str(from_os_error(error, options.data)))
        raise


if __name__ == "__main__":
    main()
