"""Jars and browser files: named with digests in artifacts.lock, fetched once into a cache outside the checkout."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from threading import Lock

from takt.errors import StackError, from_os_error

_THREADS = 8
_TRIES = 3

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes so far, bytes in all). Calls come from several threads, one at a time."""


@dataclass(frozen=True)
class Artifact:
    purpose: str  # kafka | tools | web; what else a list of its own says
    coordinate: str
    sha256: str
    bytes: int

    @property
    def filename(self) -> str:
        _, name, version = self.coordinate.split(":")
        return f"{name}-{version}.jar"

    @property
    def path(self) -> Path:
        return cache_folder() / "artifacts" / self.sha256[:16] / self.filename

    @property
    def is_cached(self) -> bool:
        """Whether a file of the right size is there; its digest was checked before it got its name."""
        return self.path.is_file() and self.path.stat().st_size == self.bytes


def cache_folder() -> Path:
    """TAKT_CACHE, or `takt` in the user's cache folder."""
    chosen = os.environ.get("TAKT_CACHE")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "takt"


def locked(*purposes: str) -> tuple[Artifact, ...]:
    return listed(files("takt.embedded").joinpath("artifacts.lock").read_text(), *purposes)


def listed(text: str, *purposes: str) -> tuple[Artifact, ...]:
    """From a list of the same shape, one artifact a line."""
    rows = (line.split() for line in text.splitlines() if line and not line.startswith("#"))
    found = (Artifact(purpose, coordinate, digest, int(size)) for purpose, coordinate, digest, size in rows)
    return tuple(artifact for artifact in found if artifact.purpose in purposes)


def missing(artifacts: Iterable[Artifact]) -> list[Artifact]:
    return [artifact for artifact in artifacts if not artifact.is_cached]


def fetch(
    artifacts: Sequence[Artifact], progress: Progress | None = None, download: "Download | None" = None
) -> list[Path]:
    """Paths of the artifacts in order; what the cache lacks is fetched first.

    Raises: StackError when the registry cannot be reached, a digest differs or the cache cannot be written.
    """
    wanted = missing(artifacts)
    if wanted:
        meter = Meter(sum(artifact.bytes for artifact in wanted), progress)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="fetch") as pool:
            list(pool.map(lambda artifact: _fetch_one(artifact, meter, download or from_registry), wanted))
    return [artifact.path for artifact in artifacts]


class Meter:
    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._done, self._progress, self._lock = total, 0, progress, Lock()

    @contextmanager
    def file(self, name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield lambda count: self._add(name, count)

    def _add(self, name: str, count: int) -> None:
        with self._lock:
            self._done += count
            if self._progress:
                self._progress(name, min(self._done, self._total), self._total)


Download = Callable[[Artifact, Path, Meter], Path]
"""Puts the artifact's file somewhere below a private folder."""


def _fetch_one(artifact: Artifact, meter: Meter, download: Download) -> None:
    folder = artifact.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        private = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder))
    except OSError as error:
        raise from_os_error(error, folder) from error
    try:
        fetched = download(artifact, private, meter)
        _verify(artifact, fetched)
        fetched.replace(artifact.path)
    finally:
        shutil.rmtree(private, ignore_errors=True)


def from_registry(artifact: Artifact, private: Path, meter: Meter) -> Path:
    """Through the Maven client of a wheel, which knows where the registry is."""
    # Imported on first use: a warm start fetches nothing.
    import requests
    from jgo.maven import MavenContext, PythonResolver

    for attempt in range(1, _TRIES + 1):
        cache = private / str(attempt)
        context = MavenContext(PythonResolver(progress_callback=meter.file), repo_cache=cache, local_repos=[])
        try:
            return Path(context.create_dependency(artifact.coordinate).artifact.resolve())
        except (requests.RequestException, RuntimeError) as error:
            if attempt == _TRIES:
                raise StackError(
                    f"{artifact.filename} could not be fetched: no package registry answers. "
                    "The first start needs the network; later starts do not."
                ) from error
        except OSError as error:
            raise from_os_error(error, private) from error
    raise AssertionError("unreachable")


def _verify(artifact: Artifact, path: Path) -> None:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != artifact.sha256:
        raise StackError(f"{artifact.filename} arrived with the wrong content (sha256 {digest}): try again later.")
