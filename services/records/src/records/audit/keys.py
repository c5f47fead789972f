"""The key that signs checkpoints, and the public halves by which everybody checks them."""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from takt_contracts.records.checkpoints import Checkpoint

_BYTES = 32
PublicKeys = Mapping[str, bytes]
"""Public keys by id."""


class CheckpointKey:
    """Made of 32 random bytes in base64url, as every secret of a stack is."""

    def __init__(self, secret: str) -> None:
        """Raises ValueError for what is not 32 bytes."""
        self._private = Ed25519PrivateKey.from_private_bytes(_decoded(secret))
        self.public = self._private.public_key().public_bytes_raw()
        self.id = id_of(self.public)

    def sign(self, unsigned: Checkpoint) -> Checkpoint:
        return unsigned.model_copy(update={"signature": self._private.sign(unsigned.statement).hex()})


def public_keys(key: CheckpointKey, retired: Iterable[str] = ()) -> PublicKeys:
    """The present key and those (base64url) that signed before it."""
    return {id_of(one): one for one in (key.public, *map(_decoded, retired))}


def is_signed(checkpoint: Checkpoint, keys: PublicKeys) -> bool:
    public = keys.get(checkpoint.key_id)
    if public is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes.fromhex(checkpoint.signature), checkpoint.statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_set(keys: PublicKeys) -> dict[str, Any]:
    """The public keys as a JWK set (RFC 8037)."""
    return {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": id_, "x": _encoded(one)} for id_, one in keys.items()]}


def id_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:32]


def _decoded(text: str) -> bytes:
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(raw) != _BYTES:
        raise ValueError("is not 32 bytes in base64url")
    return raw


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
