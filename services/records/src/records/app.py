"""The table of contents of records."""

from plantkit.service import Service
from records.audit.slice import SLICE as AUDIT
from records.proving.slice import SLICE as PROVING
from records.record_types.slice import SLICE as RECORD_TYPES
from records.settings import Settings
from records.versions.slice import SLICE as VERSIONS

SLICES = (RECORD_TYPES, VERSIONS, AUDIT, PROVING)
SERVICE = Service(name="records", settings=Settings, slices=SLICES)
