"""Read a request within limits, and refuse what no endpoint could understand."""

from collections import Counter
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from plantkit.errors import Malformed
from plantkit.http.errors import BadQueryValue, NoSuchPath, TooLarge, UnknownQueryName, UnsupportedMediaType


class Read(Request):
    """A request whose body was read and parsed before the framework asks for it."""

    def __init__(self, request: Request, body: bytes, value: Any) -> None:
        super().__init__(request.scope, request.receive)
        self._bytes = body
        self._value = value

    async def body(self) -> bytes:
        return self._bytes

    async def json(self) -> Any:
        return self._value


def refuse_long(request: Request, limit: int) -> None:
    """By the length that the sender declares; what is longer in truth is refused while it is read."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal():
        raise Malformed("Content-Length is not a number.")
    if len(declared) > 18 or int(declared) > limit:
        raise _too_large(limit)


async def read_body(request: Request, limit: int) -> bytes:
    """The bytes of a JSON body. Raises TooLarge, UnsupportedMediaType."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise Malformed("The body did not arrive whole.") from None
    if body and not _is_json(request.headers.get("content-type", "")):
        raise UnsupportedMediaType("The body must be application/json.")
    return bytes(body)


def refuse_unreadable(request: Request) -> None:
    """NUL is in no key and in no value. Raises NoSuchPath, BadQueryValue."""
    if "\0" in request.scope["path"]:
        raise NoSuchPath("There is nothing at this path.")
    if any("\0" in name or "\0" in value for name, value in request.query_params.multi_items()):
        raise BadQueryValue("A query parameter holds NUL.")


def refuse_query(request: Request, known: frozenset[str], lists: frozenset[str]) -> None:
    """Every name is known, and comes once unless it takes a list. Raises UnknownQueryName, BadQueryValue.

    A known name that ends with a dot stands for all that begin with it: the endpoint judges what follows.
    """
    for name, times in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known and "".join(name.partition(".")[:2]) not in known:
            allowed = sorted(known)
            listed = ", ".join(allowed) or "none"
            raise UnknownQueryName(f"There is no query parameter {name[:80]}; known: {listed}.", allowed=allowed)
        if times > 1 and name not in lists:
            raise BadQueryValue(f"The query parameter {name[:80]} comes {times} times.")


def _is_json(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes.", limit=limit)
