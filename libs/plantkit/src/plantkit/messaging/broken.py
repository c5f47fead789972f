"""A request on a connection that is closed, and not yet known to be, ends as a broken connection.

uvloop refuses to write there with a RuntimeError. aiokafka waits for an OSError (its issue 1038), and ended whichever
task of its own met the other: the heartbeats of a group, the fetching, the refresh of metadata, which nobody began
again. Its clients make their connections themselves, so there is no public place to say so (ADR 26).
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


def mend(connection: type[AIOKafkaConnection]) -> None:
    """Once is enough for a process."""
    connection.send = _broken_when_closed(connection.send)


def _broken_when_closed(send: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(send)
    def sent(connection: AIOKafkaConnection, *given: Any, **options: Any) -> Any:
        try:
            return send(connection, *given, **options)
        except RuntimeError as refused:
            if not connection._writer.is_closing():
                raise
            connection.close(reason=CloseReason.CONNECTION_BROKEN)
            at = f"{connection.host}:{connection.port}"
            raise KafkaConnectionError(f"Connection at {at} broken: {refused}") from refused

    return sent
