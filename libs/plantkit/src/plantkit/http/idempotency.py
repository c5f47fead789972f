"""The Idempotency-Key header and the digest of what was asked with it. The runner stores and replays the answers."""

import hashlib
import re
from typing import Any

from plantkit.errors import IdempotencyKeyMissing
from plantkit.http.errors import BadIdempotencyKey
from plantkit.http.json import canonical

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def key_of(header: str | None, *, required: bool) -> str | None:
    """The key, without the quotes that the draft standard allows. Raises IdempotencyKeyMissing, BadIdempotencyKey."""
    if header is None:
        if required:
            raise IdempotencyKeyMissing("This action needs an Idempotency-Key header.")
        return None
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _KEY.fullmatch(key):
        raise BadIdempotencyKey("Idempotency-Key must be 1 to 255 printable ASCII characters.")
    return key


def digest(method: str, path: str, query: str, body: Any) -> bytes:
    """The same for the same request, however its JSON was spelled."""
    told = hashlib.sha256(f"{method}\0{path}\0{query}\0".encode())
    told.update(canonical(body))
    return told.digest()
