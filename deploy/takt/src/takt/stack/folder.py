"""The data folder of one stack: all its state, in one place."""

import errno
import fcntl
import json
import os
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from takt.embedded.postgres import write_secret
from takt.errors import StackError, from_os_error

_LEAST_FREE_MB = 256


@dataclass
class Remembered:
    """What the first start chose and every later start keeps."""

    plant: str
    brokers: int
    ports: dict[str, int] = field(default_factory=dict)
    test: bool = False


class DataFolder:
    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs, self.run, self.secrets = self.path / "logs", self.path / "run", self.path / "secrets"
        self.credentials = self.path / "credentials.json"
        self._lock: int | None = None

    def make(self) -> None:
        """Create what is missing. Raises StackError when the disk is full or the folder is not ours to write."""
        try:
            for folder in (self.path, self.logs, self.run, self.secrets):
                folder.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o755)
            self.secrets.chmod(0o700)
            self._probe()
        except OSError as error:
            raise from_os_error(error, self.path) from error

    def _probe(self) -> None:
        free_mb = shutil.disk_usage(self.path).free // 2**20
        if free_mb < _LEAST_FREE_MB:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
        probe = self.path / f".probe-{os.getpid()}"
        probe.write_bytes(b"x")
        probe.unlink()

    def lock(self) -> None:
        """One launcher per folder, for as long as this process lives."""
        self._lock = os.open(self.run / "launcher.lock", os.O_RDWR | os.O_CREAT, 0o644)  # open until we end
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StackError(
                f"A stack already runs on {self.path}: stop it with `takt down --data {self.path}`."
            ) from None

    @property
    def is_locked(self) -> bool:
        """Whether a launcher lives."""
        try:
            with (self.run / "launcher.lock").open("a") as probe:
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def secret(self, name: str) -> str:
        """A random secret, made on first use, readable by its owner only."""
        path = self.secrets / name
        if not path.exists():
            write_secret(path, secrets.token_urlsafe(32))
        return path.read_text()

    def keep_secret(self, name: str, text: str) -> str:
        write_secret(self.secrets / name, text)
        return text

    def remembered(self, plant: str | None, brokers: int | None, *, test: bool = False) -> Remembered:
        """The choices of earlier starts, or these. Raises StackError when they disagree."""
        path = self.path / "stack.json"
        known = Remembered(**json.loads(path.read_text())) if path.exists() else None
        if known is None:
            return Remembered(plant or "plant-1", brokers or 1, test=test)
        if brokers is not None and brokers != known.brokers:
            raise StackError(
                f"{self.path} was made with --brokers {known.brokers}, which cannot change: use another --data."
            )
        if plant is not None and plant != known.plant:
            raise StackError(f"{self.path} belongs to plant {known.plant}, not {plant}: use another --data.")
        if test and not known.test:
            raise StackError(f"{self.path} was not made for tests, and its plant may be real: use another --data.")
        return known

    def remember(self, choices: Remembered) -> None:
        replace(self.path / "stack.json", json.dumps(asdict(choices), indent=2))

    def write_credentials(self, username: str, password: str) -> None:
        if not self.credentials.exists():
            write_secret(self.credentials, json.dumps({"username": username, "password": password}))


def default_path(name: str = "plant") -> Path:
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "takt" / name


def replace(path: Path, text: str) -> None:
    """Write so that a reader sees the old text or the new one, never half of it."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(text)
    part.replace(path)
