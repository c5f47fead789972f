"""Proofs of records as one slice."""

from plantkit.slice import Slice
from records.proving import routes

SLICE = Slice(name="proving", routers=(routes.router, routes.verifier))
