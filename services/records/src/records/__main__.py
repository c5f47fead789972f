"""Serve records: `python -m records`."""

from plantkit.serve import serve
from records.app import SERVICE

serve(SERVICE, SERVICE.settings.load())
