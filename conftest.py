"""What every test of the workspace stands on. Nothing starts before a test asks for it."""

pytest_plugins = ["pytester", "takt.testing.plugin", "takt.testing.servers", "plantkit.testing.fixtures"]
