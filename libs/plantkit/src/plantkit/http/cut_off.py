"""An answer that was begun and cannot be finished: its connection is cut, so that nobody takes a part for the whole."""

from starlette.types import Receive, Scope

from plantkit.http.problems import ANSWERED
from plantkit.observability import logs
from plantkit.observability.metrics import CUT_OFF

EXTENSION = "takt.connection"
"""What our protocol adds to the scope of a request: `abort`, which cuts its connection."""
log = logs.get(__name__)


async def cut_off(scope: Scope, receive: Receive, failed: RuntimeError) -> bool:
    """Whether an answer was cut: where it would have been a refusal, had it not begun (starlette raises that so)."""
    connection = scope.get("extensions", {}).get(EXTENSION)
    if connection is None or not isinstance(failed.__cause__, ANSWERED):
        return False
    log.warning("http.cut_off", resource=scope["path"][:300], error=type(failed.__cause__).__name__)
    CUT_OFF.labels(type(failed.__cause__).__name__).inc()
    connection["abort"]()
    while (await receive())["type"] != "http.disconnect":
        pass  # uvicorn calls an answer that is left while its line is open a bug of ours
    return True
