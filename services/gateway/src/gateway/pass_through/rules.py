"""Which requests go to which service, and which headers go with them. Pure."""

from collections.abc import Callable, Iterable

Header = tuple[bytes, bytes]

PREFIX = (b"", b"api", b"v1")

_HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
        b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
_OURS_TO_SAY = frozenset(
    {
        b"host", b"content-length", b"expect", b"forwarded", b"via", b"x-real-ip", b"x-request-id",
        b"traceparent", b"x-original-url",
        b"x-rewrite-url", b"x-http-method-override", b"x-http-method", b"x-method-override",
    }
)  # fmt: skip
_ASSERTED_INSIDE = (b"x-user-", b"x-takt-", b"x-forwarded-", b"x-internal-", b"x-auth-")
_SERVER_SAYS = frozenset({b"server", b"date", b"x-request-id"})


def segments_of(raw_path: bytes) -> tuple[str, ...] | None:
    """Segments below `/api/v1` as they were sent, or None where the path means something else to somebody else.

    Empty, dot and encoded-dot segments, encoded slashes, matrix parameters and back-slashes are refused: two readers
    of one path must agree on it.
    """
    parts = tuple(raw_path.split(b"/"))
    if parts[:3] != PREFIX or len(parts) < 4 or not all(parts[3:]) or any(map(_is_ambiguous, parts[3:])):
        return None
    return tuple(part.decode("ascii", "replace") for part in parts[3:])


def _is_ambiguous(segment: bytes) -> bool:
    folded = segment.lower().replace(b"%2e", b".")
    if folded in (b".", b"..") or not segment.isascii():
        return True
    return any(sign in folded for sign in (b"%2f", b"%5c", b"%00", b";", b"\\"))


def owner_of(raw_path: bytes, owners: Callable[[str], str | None]) -> str | None:
    """Service that answers this path, by its first segment; None when nobody does."""
    segments = segments_of(raw_path)
    return None if segments is None else owners(segments[0])


def onward(headers: Iterable[Header]) -> list[Header]:
    """Request headers as the owner may see them: nothing of this hop, nothing that only we may say."""
    headers = [(name.lower(), value) for name, value in headers]
    dropped = _HOP_BY_HOP | _OURS_TO_SAY | _named_by_connection(headers)
    return [pair for pair in headers if pair[0] not in dropped and not pair[0].startswith(_ASSERTED_INSIDE)]


def homeward(headers: Iterable[Header]) -> list[Header]:
    """Response headers as the caller may see them."""
    headers = [(name.lower(), value) for name, value in headers]
    dropped = _HOP_BY_HOP | _SERVER_SAYS | _named_by_connection(headers)
    return [pair for pair in headers if pair[0] not in dropped]


def _named_by_connection(headers: Iterable[Header]) -> frozenset[bytes]:
    named = [value for name, value in headers if name == b"connection"]
    return frozenset(word.strip().lower() for value in named for word in value.split(b",")) - {b"authorization"}


def declared_length(headers: Iterable[Header]) -> int | None:
    """Content-Length; None when the body comes in chunks or there is none. Raises ValueError when it is no number."""
    for name, value in headers:
        if name.lower() == b"content-length":
            if not value.isdigit():
                raise ValueError("Content-Length is not a number")
            return int(value)
    return None
