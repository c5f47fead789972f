"""Imports as one slice."""

from imports.jobs import consumers, loops, routes
from plantkit.slice import Slice

SLICE = Slice(
    name="jobs",
    routers=(routes.router,),
    consumers=(consumers.receive_files, consumers.take_answers),
    loops=(loops.measure, loops.sweep),
    workers=(loops.work,),
)
