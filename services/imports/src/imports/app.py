"""The table of contents of imports."""

from imports.settings import Settings
from plantkit.service import Service

SERVICE = Service(name="imports", settings=Settings, slices=())
