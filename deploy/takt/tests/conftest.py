"""Runs of pytest inside a test use the workspace's own plugin."""

import pytest

PLUGINS = 'pytest_plugins = ["takt.testing.plugin", "takt.testing.servers"]'
SETTINGS = """
[tool.pytest]
strict = true
markers = ["db: x", "broker: x", "long: x", "needs(program): x", "timeout(seconds): x"]
"""


NEEDED = "xdist.plugin,pytest_asyncio.plugin"
"""All that is installed takes seconds to import, in the run and in each of its workers; these two are enough."""


@pytest.fixture
def pytester(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", NEEDED)
    pytester.makeconftest(PLUGINS)
    pytester.makepyprojecttoml(SETTINGS)
    return pytester
