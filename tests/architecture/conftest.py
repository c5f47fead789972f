"""Fixtures of the tests that look at the workspace itself."""

from pathlib import Path

import pytest

from tests.architecture import copies


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources and the configuration, without the tests."""
    return copies.make(tmp_path, "tests", "generated")
