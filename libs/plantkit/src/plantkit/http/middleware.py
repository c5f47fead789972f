"""What surrounds every request: its id, its trace, one log line, its metrics. Pure ASGI: it costs microseconds."""

import re
import time
from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from plantkit.db.tx import Origin
from plantkit.http.cut_off import cut_off
from plantkit.ids import new_id
from plantkit.observability import logs
from plantkit.observability.metrics import REQUEST_SECONDS, REQUESTS

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_QUIET = frozenset({"/health", "/health/live", "/health/ready", "/livez", "/readyz", "/metrics"})


class RequestScope:
    """Puts `origin` into the request's state and wraps the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        origin = origin_of(scope)
        scope.setdefault("state", {})["origin"] = origin
        clear_contextvars()
        bind_contextvars(request_id=origin.request_id, trace_id=_trace_id(origin))
        answered = _Answered(send, origin)
        started = time.perf_counter()
        try:
            await self.app(scope, receive, answered)
        except RuntimeError as failed:
            if not await cut_off(scope, receive, failed):
                raise
        finally:
            _account(scope, answered.status, time.perf_counter() - started)


class _Answered:
    """Adds our headers to the answer and keeps its status."""

    def __init__(self, send: Send, origin: Origin) -> None:
        self.send = send
        self.origin = origin
        self.status = 500

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.setdefault("headers", [])
            present = {name for name, _ in headers}
            headers.append((b"x-request-id", self.origin.request_id.encode()))
            for name, value in ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")):
                if name not in present:
                    headers.append((name, value))
        await self.send(message)


def origin_of(scope: Scope) -> Origin:
    """The caller's request id and trace where they are well formed, else fresh ones."""
    sent: dict[bytes, bytes] = dict(scope["headers"])
    given, parent = sent.get(b"x-request-id", b""), sent.get(b"traceparent", b"")
    return Origin(
        request_id=given.decode() if _REQUEST_ID.fullmatch(given) else str(new_id()),
        traceparent=parent.decode() if _TRACEPARENT.fullmatch(parent) else _fresh_traceparent(),
        asked=f"{scope['method']} {scope['path']}"[:500],
    )


def _fresh_traceparent() -> str:
    return f"00-{new_id().hex}-{new_id().hex[16:]}-00"


def _trace_id(origin: Origin) -> str | None:
    return origin.traceparent.split("-")[1] if origin.traceparent else None


@lru_cache(maxsize=1024)
def _counters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Looked up once: the look-up costs more than the count."""
    return REQUESTS.labels(method, route, str(status)), REQUEST_SECONDS.labels(method, route)


def _account(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "unmatched")
    answered, took = _counters(scope["method"], route, status)
    answered.inc()
    took.observe(seconds)
    if route in _QUIET and status < 500:
        return
    state: dict[str, Any] = scope["state"]
    origin: Origin = state["origin"]
    logs.hot(
        "plantkit.http",
        "http.answered",
        request_id=origin.request_id,
        trace_id=_trace_id(origin),
        method=scope["method"],
        route=route,
        resource=scope["path"][:300],
        status=status,
        user_id=getattr(state.get("principal"), "id", None),
        duration_ms=round(seconds * 1000, 2),
    )
