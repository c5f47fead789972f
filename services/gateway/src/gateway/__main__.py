"""Serve the gateway: `python -m gateway`."""

from gateway.app import SERVICE
from plantkit.serve import serve

serve(SERVICE, SERVICE.settings.load())
