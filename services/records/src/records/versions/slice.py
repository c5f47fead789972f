"""Records and their versions as one slice."""

from plantkit.slice import Slice
from records.versions import change_sets, history, loops, routes
from records.versions.importing import RecordTarget
from takt_contracts import catalog

SLICE = Slice(
    name="versions",
    routers=(routes.router, history.router, change_sets.router),
    loops=(loops.forget_rows,),
    targets=tuple(RecordTarget(one) for one in catalog.templates().values() if one.owner == "records"),
)
