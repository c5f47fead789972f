"""Operations and their ledger, as one slice."""

from operations.production import binding, history, recording, routes, timing
from operations.production.planning import OPERATIONS
from operations.production.routing import WORK_ORDERS
from plantkit.slice import Slice

SLICE = Slice(
    name="production",
    resources=(WORK_ORDERS, OPERATIONS),
    routers=(routes.router, history.router, timing.router, recording.router, binding.router),
)
