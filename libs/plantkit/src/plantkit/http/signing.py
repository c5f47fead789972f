"""Opaque tokens that only we can make: base64url of JSON with a keyed digest in front."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_TAG_BYTES = 16
_LONGEST = 4096


def seal(secret: str, purpose: str, content: Any) -> str:
    """A token for `purpose`; one made for another purpose does not open as this one."""
    body = json.dumps(content, separators=(",", ":")).encode()
    return _encoded(_tag(secret, purpose, body) + body)


def unseal(secret: str, purpose: str, token: str) -> Any:
    """What was sealed. Raises ValueError for anything that was not sealed with this secret for this purpose."""
    if len(token) > _LONGEST or not token.isascii():
        raise ValueError("not a token")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("not a token") from None
    if _encoded(raw) != token:
        raise ValueError("not a token")
    tag, body = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    if not hmac.compare_digest(tag, _tag(secret, purpose, body)):
        raise ValueError("not sealed here")
    return json.loads(body)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _tag(secret: str, purpose: str, body: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose.encode() + b"\0" + body, hashlib.sha256)[:_TAG_BYTES]
