"""Our own pid files: who of us may still run after the launcher was killed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from takt.embedded.process import kill_group
from takt.stack.folder import replace

_PATIENCE_S = 15


@dataclass(frozen=True)
class Record:
    """A process as it was when we started it. A pid alone may by now belong to somebody else."""

    pid: int
    executable: str
    started: int  # clock ticks since boot: no clock that is set later changes it

    @classmethod
    def of(cls, pid: int) -> "Record | None":
        try:
            return cls(pid, psutil.Process(pid).exe(), _started(pid))
        except (psutil.Error, OSError):
            return None

    def process(self) -> psutil.Process | None:
        """The very process, if it still runs."""
        try:
            found = psutil.Process(self.pid)
            same = _started(self.pid) == self.started and found.exe() == self.executable
            return found if same and found.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.Error, OSError):
            return None


class PidFiles:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, pid: int) -> None:
        if record := Record.of(pid):
            replace(self._folder / f"{name}.pid", json.dumps(asdict(record)))

    def remove(self, name: str) -> None:
        (self._folder / f"{name}.pid").unlink(missing_ok=True)

    def read(self) -> dict[str, Record]:
        return {path.stem: _read(path) for path in sorted(self._folder.glob("*.pid"))}

    def clear_leftovers(self, patience_s: float = _PATIENCE_S) -> list[str]:
        """Wait for those that the kernel told to stop when their launcher died; kill the rest. Returns their names."""
        left = {name: process for name, record in self.read().items() if (process := record.process())}
        _, alive = psutil.wait_procs(list(left.values()), patience_s)
        for process in alive:
            kill_group(process.pid)
        psutil.wait_procs(alive, _PATIENCE_S)
        for name in self.read():
            self.remove(name)
        return list(left)


def _started(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])


def _read(path: Path) -> Record:
    return Record(**json.loads(path.read_text()))
