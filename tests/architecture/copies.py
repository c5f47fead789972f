"""A copy of the workspace that may be broken, or added to."""

import os
import shutil
from pathlib import Path

from takt.testing import untraced
from takt.workspace import root


def make(folder: Path, *left_out: str) -> Path:
    """Sources and configuration, without the tests unless they are wanted."""
    ignored = shutil.ignore_patterns("__pycache__", ".*", *left_out)
    for name in ("libs", "services", "deploy"):
        shutil.copytree(root() / name, folder / name, ignore=ignored)
    shutil.copy(root() / "pyproject.toml", folder)
    return folder


def environment(workspace: Path) -> dict[str, str]:
    """Imports come from the copy, and what runs there is not counted as the product's coverage."""
    return {**untraced.environment(), "PYTHONPATH": os.pathsep.join(str(path) for path in workspace.glob("*/*/src"))}
