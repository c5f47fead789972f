"""A copy of the workspace that may be broken on purpose."""

import shutil
from pathlib import Path

import pytest

from takt.workspace import root

SOURCES = ("libs", "services", "deploy")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "tests", ".*", "generated")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and the configuration, without the tests."""
    for folder in SOURCES:
        shutil.copytree(root() / folder, tmp_path / folder, ignore=LEFT_OUT)
    shutil.copy(root() / "pyproject.toml", tmp_path)
    return tmp_path
