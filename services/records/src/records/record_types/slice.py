"""Record types as one slice."""

from plantkit.slice import Slice
from records.record_types import loops, routes

SLICE = Slice(name="record_types", routers=(routes.router,), loops=(loops.register_shipped,))
