"""Serve imports: `python -m imports`."""

from plantkit.serve import serve

from imports.app import SERVICE

serve(SERVICE, SERVICE.settings.load())
