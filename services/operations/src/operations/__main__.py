"""Serve operations: `python -m operations`."""

from operations.app import SERVICE
from plantkit.serve import serve

serve(SERVICE, SERVICE.settings.load())
