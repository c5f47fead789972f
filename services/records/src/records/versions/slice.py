"""Records and their versions as one slice."""

from plantkit.slice import Slice
from records.versions import change_sets, history, routes

SLICE = Slice(name="versions", routers=(routes.router, history.router, change_sets.router))
