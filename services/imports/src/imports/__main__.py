"""Serve imports: `python -m imports`."""

from imports.app import SERVICE
from plantkit.serve import serve

serve(SERVICE, SERVICE.settings.load())
