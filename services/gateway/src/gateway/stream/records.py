"""A record of the log as the stream tells it: a CloudEvent in JSON, made once however many are listening."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import orjson

from takt_contracts.envelope import EnvelopeError, from_headers

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class LogRecord:
    """One record with the position after it. Frozen, shared by all listeners."""

    topic: str
    partition: int
    offset: int
    headers: Headers
    value: bytes | None

    @cached_property
    def type(self) -> str:
        """`ce_type`, or nothing where there is none that could be read."""
        found = dict(self.headers).get("ce_type") or b""
        return found.decode("utf-8", "replace")

    @cached_property
    def event(self) -> str | None:
        """The event in CloudEvents JSON format on one line; None where the record is not an event."""
        try:
            payload = orjson.dumps(orjson.loads(self.value or b""))
            return from_headers(self.headers).to_json(payload.decode())
        except (orjson.JSONDecodeError, EnvelopeError):
            return None


def frame(event_id: str, record: LogRecord) -> bytes:
    """The record as one server-sent event. Neither its type nor its event holds a line break."""
    return f"id: {event_id}\nevent: {record.type}\ndata: {record.event}\n\n".encode()


def mark(event_id: str) -> bytes:
    """Moves the client's Last-Event-ID without an event: a browser keeps the id and shows nothing."""
    return f"id: {event_id}\n\n".encode()


KEEP_ALIVE = b": keep-alive\n\n"
