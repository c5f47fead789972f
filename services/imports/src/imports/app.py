"""The table of contents of imports."""

from plantkit.service import Service

from imports.settings import Settings

SERVICE = Service(name="imports", settings=Settings, slices=())
