"""Runs of pytest inside a test use the workspace's own plugin."""

import pytest

PLUGINS = 'pytest_plugins = ["takt.testing.plugin", "takt.testing.servers"]'
SETTINGS = """
[tool.pytest]
strict = true
markers = ["db: x", "broker: x", "long: x", "needs(program): x"]
"""


@pytest.fixture
def pytester(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeconftest(PLUGINS)
    pytester.makepyprojecttoml(SETTINGS)
    return pytester
