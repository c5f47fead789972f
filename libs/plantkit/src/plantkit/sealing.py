"""What travels on the log for one reader alone, such as rows of health workbooks: closed with a key of the stack.

The key is derived from the secret that all services of a stack share, so that nothing more has to be handed out.
"""

import base64
import os
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from takt_contracts.event import Event

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


def closed(secret: str, event: Event) -> Event:
    """The event as the log may hold it."""
    return event.closed(partial(_close, secret, event.subject.encode()))


def opened(secret: str, event: Event) -> Event:
    """The event as it was told. Raises ValueError for one that was closed elsewhere, or was changed."""
    return event.opened(partial(_open, secret, event.subject.encode()))


def _close(secret: str, about: bytes, plain: bytes) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    return base64.b64encode(nonce + _cipher(secret).encrypt(nonce, plain, about)).decode()


def _open(secret: str, about: bytes, text: str) -> bytes:
    from cryptography.exceptions import InvalidTag

    raw = base64.b64decode(text, validate=True)
    try:
        return _cipher(secret).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], about)
    except InvalidTag:
        raise ValueError("not closed with the secret of this stack, or not for this subject") from None


@cache
def _cipher(secret: str) -> "AESGCM":
    """Loaded at the first use: most processes never need it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return AESGCM(HKDF(SHA256(), length=32, salt=None, info=b"takt: events that are closed").derive(secret.encode()))
