"""Notices that a developer saved a file of the services."""

import time
from collections.abc import Sequence
from pathlib import Path

from takt.errors import StackError
from takt.workspace import find_root

_EVERY_S = 1.0


class Sources:
    """Python files and pages below some folders."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._seen, self._looked_at = self._look(), time.monotonic()

    @classmethod
    def of_workspace(cls) -> "Sources":
        root = find_root()
        if root is None:
            raise StackError("No sources are found here: run `takt dev` inside a checkout.")
        return cls([*root.glob("libs/*/src"), *root.glob("services/*/src")])

    def changed(self) -> bool:
        """Whether anything was saved since the last time this said so. Looks once a second."""
        if time.monotonic() - self._looked_at < _EVERY_S:
            return False
        before, self._seen, self._looked_at = self._seen, self._look(), time.monotonic()
        return self._seen != before

    def _look(self) -> dict[Path, int]:
        files = (path for folder in self._folders for path in folder.rglob("*") if path.suffix in {".py", ".html"})
        return {path: path.stat().st_mtime_ns for path in files}
