"""The table of contents of imports."""

from imports.jobs.slice import SLICE as JOBS
from imports.settings import Settings
from imports.templates.slice import SLICE as TEMPLATES
from plantkit.service import Service

SERVICE = Service(name="imports", settings=Settings, slices=(JOBS, TEMPLATES))
