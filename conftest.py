"""What every test of the workspace stands on. Nothing starts before a test asks for it."""

from hypothesis import settings

settings.register_profile("takt", deadline=None)  # a time limit for an example judges the machine, not the code
settings.load_profile("takt")

pytest_plugins = ["pytester", "takt.testing.plugin", "takt.testing.servers", "plantkit.testing.fixtures"]
