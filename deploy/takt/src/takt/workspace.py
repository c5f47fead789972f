"""Where the checkout is. Standard library only: this runs before the lock has been held against anything."""

from pathlib import Path


class WorkError(Exception):
    """A command of the developer's loop cannot do its work. The text is for a person; no traceback is shown."""


class NotInWorkspace(WorkError):
    """It was started outside a checkout."""


def find_root() -> Path | None:
    """Root of the checkout that this package runs from, or None where it is installed without one (an image)."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "libs" / "contracts").is_dir() and (folder / "pyproject.toml").is_file():
            return folder
    return None


def root() -> Path:
    found = find_root()
    if found is None:
        raise NotInWorkspace("This command needs a checkout of Takt; this copy is installed without one.")
    return found
