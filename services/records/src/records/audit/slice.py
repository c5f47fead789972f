"""The audit chains as one slice."""

from plantkit.slice import Slice
from records.audit import consumers, loops, routes

SLICE = Slice(name="audit", routers=(routes.router,), consumers=(consumers.keep_chains,), loops=(loops.sign,))
