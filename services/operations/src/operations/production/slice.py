"""Operations and their ledger, as one slice."""

from operations.production import history, recording, routes, timing
from operations.production.planning import OPERATIONS
from plantkit.slice import Slice

SLICE = Slice(
    name="production", resources=(OPERATIONS,), routers=(routes.router, history.router, timing.router, recording.router)
)
