"""Serve operations: `python -m operations`."""

from plantkit.serve import serve

from operations.app import SERVICE

serve(SERVICE, SERVICE.settings.load())
