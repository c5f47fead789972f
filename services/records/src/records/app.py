"""The table of contents of records."""

from plantkit.service import Service
from records.settings import Settings

SERVICE = Service(name="records", settings=Settings, slices=())
