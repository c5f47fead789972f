"""Headers of answers, for the document: what a client reads from them and sends back."""

from collections.abc import Mapping
from typing import Any, Final

Headers = Mapping[str, Mapping[str, Any]]
Told = dict[int | str, dict[str, Any]]

_TEXT: Final = {"type": "string"}
_ETAG: Final = {
    "description": "The version; send it as If-Match with a change.",
    "required": True,
    "schema": {"type": "string", "pattern": '^"[0-9]+"$', "examples": ['"7"']},
}
_WRITTEN: Final = {
    "ETag": _ETAG,
    "Takt-Consistency": {
        "description": "Send it with a read that must have seen this write.",
        "required": True,
        "schema": _TEXT,
    },
    "Idempotent-Replayed": {
        "description": "`true`: the Idempotency-Key was answered before, and this is that answer.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_LOCATION: Final = {"description": "Path of what was created.", "required": True, "schema": _TEXT}
_RETRY: Final = {
    "Retry-After": {"description": "seconds", "required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}
}
_WHO: Final = {"WWW-Authenticate": {"description": "How to say who one is.", "required": True, "schema": _TEXT}}
OF_REFUSALS: Final[Mapping[int, Headers]] = {401: _WHO, 429: _RETRY, 503: _RETRY}


def read() -> Told:
    """Of an endpoint that answers one versioned thing."""
    return {200: {"headers": {"ETag": _ETAG}}}


def written(status: int = 200) -> Told:
    """Of an endpoint that answers with `run.answer`."""
    return {status: {"headers": {**_WRITTEN, "Location": _LOCATION} if status == 201 else _WRITTEN}}
