"""The table of contents of operations."""

from plantkit.service import Service

from operations.settings import Settings

SERVICE = Service(name="operations", settings=Settings, slices=())
