"""The key that signs access tokens and the public set by which every service checks them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.jwk import OKPKey

from gateway.identity.rules import ACCESS_LIFE
from plantkit.auth.tokens import ALGORITHM, AUDIENCE, ISSUER


class Signer:
    """Signs with one Ed25519 key; tokens of retired keys stay readable until they expire."""

    def __init__(self, signing_key: str, retired_keys: Sequence[str] = ()) -> None:
        self._key = OKPKey.import_key(json.loads(signing_key))
        self._key.ensure_kid()
        self._retired = [OKPKey.import_key(json.loads(key)) for key in retired_keys]

    def access_token(self, *, user: UUID, name: str, roles: Sequence[str], sign_in: UUID, now: datetime) -> str:
        issued = int(now.timestamp())
        claims = {
            "iss": ISSUER, "aud": AUDIENCE, "sub": str(user), "name": name, "roles": sorted(roles), "sid": str(sign_in),
            "typ": "access", "iat": issued, "nbf": issued, "exp": issued + int(ACCESS_LIFE.total_seconds()),
        }  # fmt: skip
        header = {"alg": ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])

    def public_keys(self) -> dict[str, Any]:
        """The JWKS document: public halves only."""
        keys = [self._key, *self._retired]
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM} for key in keys]}


def new_signing_key() -> str:
    """A fresh private key as JWK JSON, for the first start of an embedded stack and for tests."""
    key = OKPKey.generate_key("Ed25519")
    key.ensure_kid()
    return json.dumps(key.as_dict(private=True))
