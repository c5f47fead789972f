"""`GET /api/v1/events/stream`: the log as server-sent events."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Annotated

from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from gateway.metrics import STREAMS
from gateway.stream.errors import BadPosition, PositionGone, TooManyStreams, UnknownFilter
from gateway.stream.parts import Streams, streams_of
from gateway.stream.records import LogRecord
from gateway.stream.rules import Choice, choice
from gateway.visibility import visible
from plantkit.auth.principal import Principal
from plantkit.context import Context
from plantkit.errors import DomainError, Unauthenticated, Unavailable
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow
from takt_contracts import catalog
from takt_contracts.roles import Role

HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}
RETRY = b"retry: 2000\n\n"

router = Routes(tags=["events"])

Names = Annotated[str | None, Query(max_length=4000, description="names from /asyncapi with commas; all by default")]
LastEventId = Annotated[str | None, Header(description="`id` of the last event received; the live tail without it")]


@router.get(
    "/events/stream",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Events as they are told: `id` a position, `event` the type, `data` a CloudEvent in JSON",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **problems(BadPosition, PositionGone, UnknownFilter, TooManyStreams, Unauthenticated, Unavailable),
    },
)
@allow(Role.VIEWER)
async def stream(
    request: Request, topics: Names = None, types: Names = None, last_event_id: LastEventId = None
) -> Response:
    """Every domain event from now on, or from `Last-Event-ID` on without a gap or a repeat.

    A comment keeps the line alive every 15 s. The stream ends when the access token does, and when the client is too
    slow: open it again with the last id. Audit entries and users are told to administrators only.
    """
    wanted = _choice(request, topics, types)
    parts = streams_of(request.app)
    if parts.open >= parts.most:
        raise TooManyStreams("This gateway serves no more streams at the moment.", retry_after_s=5)
    start = await parts.follower.start(last_event_id or None)

    def wants(record: LogRecord) -> bool:
        return wanted.wants(record.topic, record.type)

    frames = parts.follower.frames(start, wants, _may_stay(request))
    return StreamingResponse(_counted(parts, frames), media_type="text/event-stream", headers=HEADERS)


def _choice(request: Request, topics: str | None, types: str | None) -> Choice:
    principal: Principal = request.state.principal
    catalogue = {name: topic.types for name, topic in catalog.topics().items()}
    try:
        return choice(visible(catalogue, principal.has), topics, types, catalogue)
    except KeyError as unknown:
        raise UnknownFilter(f"There is no {unknown.args[0][:100]!r} that you may read.") from None


def _may_stay(request: Request) -> Callable[[], Awaitable[bool]]:
    """Whether the token is still good: it may have expired, its user may have left."""
    context: Context = request.app.state.context
    token = request.headers["authorization"].partition(" ")[2].strip()

    async def may_stay() -> bool:
        try:
            await context.verifier.verify(token)
        except DomainError:
            return False
        return True

    return may_stay


async def _counted(parts: Streams, frames: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    parts.open += 1
    STREAMS.inc()
    try:
        yield RETRY
        async with aclosing(frames) as ready:
            async for piece in ready:
                yield piece
    finally:
        parts.open -= 1
        STREAMS.dec()
