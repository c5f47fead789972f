"""Verify access tokens with the gateway's public keys (JWKS, RFC 7517; Ed25519, RFC 9864; BCP RFC 8725)."""

import asyncio
import base64
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from plantkit.auth.principal import Principal
from plantkit.errors import Unauthenticated, Unavailable
from takt_contracts.roles import Role

ISSUER = AUDIENCE = "takt"
ALGORITHM = "Ed25519"
_LEEWAY_S = 30
_LONGEST_LIFE_S = 24 * 3600
_LONGEST_TOKEN = 8192
_REMEMBERED = 4096
_REFETCH_AFTER_S = 10.0


def refuse() -> Unauthenticated:
    """One answer for every bad token: what is wrong with it is nobody's business."""
    return Unauthenticated("A valid access token is needed.")


class Verifier:
    """Turns a token into a principal. Keys are fetched once, and again when an unknown `kid` shows up.

    A verified token is remembered until it expires, because a signature costs more than all other checks of a request.
    """

    def __init__(self, jwks_url: str) -> None:
        self._jwks_url = jwks_url
        self._keys: KeySet | None = None
        self._kids: frozenset[str] = frozenset()
        self._fetched_at = -_REFETCH_AFTER_S
        self._fetching = asyncio.Lock()
        self._seen: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """The principal of an access token. Raises Unauthenticated; Unavailable while no key could be fetched."""
        if len(token) > _LONGEST_TOKEN:
            raise refuse()
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._seen.get(digest)
        if known is not None and known[0] > time.time():
            return known[1]
        claims = await self._claims(token)
        principal = principal_of(claims)
        self._remember(digest, float(claims["exp"]), principal)
        return principal

    def _remember(self, digest: bytes, expires_at: float, principal: Principal) -> None:
        self._seen[digest] = (expires_at, principal)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        kid = _kid_of(token)
        if kid not in self._kids:
            await self._fetch()
        if self._keys is None or kid not in self._kids:
            raise refuse()
        return decode(token, self._keys)

    async def _fetch(self) -> None:
        async with self._fetching:
            if time.monotonic() - self._fetched_at < _REFETCH_AFTER_S and self._keys is not None:
                return
            try:
                async with httpx.AsyncClient(timeout=2.0, trust_env=False) as client:
                    answer = await client.get(self._jwks_url)
                    answer.raise_for_status()
                    self.trust(answer.json())
            except (httpx.HTTPError, ValueError) as unreachable:
                if self._keys is None:
                    raise Unavailable("The signing keys cannot be fetched at the moment.") from unreachable

    def trust(self, jwks: Mapping[str, Any]) -> None:
        """Take these public keys from now on."""
        self._keys = KeySet.import_key_set({"keys": list(jwks["keys"])})
        self._kids = frozenset(str(key["kid"]) for key in jwks["keys"])
        self._fetched_at = time.monotonic()


def _kid_of(token: str) -> str:
    try:
        header = jwt_header(token)
    except (ValueError, JoseError):
        raise refuse() from None
    kid = header.get("kid")
    if header.get("alg") != ALGORITHM or not isinstance(kid, str) or "crit" in header or "b64" in header:
        raise refuse()
    return kid


def jwt_header(token: str) -> Mapping[str, Any]:
    """The header of a compact JWS of exactly three non-empty parts. Raises ValueError."""
    parts = token.split(".")
    if len(parts) != 3 or not all(parts):
        raise ValueError("not a compact JWS")
    header = _strict_object(parts[0])
    _strict_object(parts[1])
    return header


def _strict_object(part: str) -> dict[str, Any]:
    """A JSON object in which no name is there twice: two readers must not see two subjects. Raises ValueError."""
    raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    try:
        found = json.loads(raw, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 -- callers treat every unreadable part alike
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def decode(token: str, keys: KeySet) -> Mapping[str, Any]:
    """Verified claims. Signature, algorithm, issuer, audience, type and times are all required and checked."""
    try:
        claims = jwt.decode(token, keys, algorithms=[ALGORITHM]).claims
    except (JoseError, ValueError, TypeError):
        raise refuse() from None
    now = time.time()
    issued, starts, expires = claims.get("iat"), claims.get("nbf"), claims.get("exp")
    if type(issued) is not int or type(starts) is not int or type(expires) is not int:
        raise refuse()
    if not (max(issued, starts) - _LEEWAY_S <= now < expires + _LEEWAY_S and expires - issued <= _LONGEST_LIFE_S):
        raise refuse()
    if (claims.get("iss"), claims.get("aud"), claims.get("typ")) != (ISSUER, AUDIENCE, "access"):
        raise refuse()
    return claims


def principal_of(claims: Mapping[str, Any]) -> Principal:
    subject, name, roles = claims.get("sub"), claims.get("name"), claims.get("roles")
    kind = claims.get("kind", "user")
    if not (isinstance(subject, str) and subject and isinstance(name, str) and isinstance(roles, list)):
        raise refuse()
    if kind not in ("user", "api_key", "service"):
        raise refuse()
    held = frozenset(Role(role) for role in roles if isinstance(role, str) and role in set(Role))
    return Principal(id=subject, kind=kind, roles=held, name=name)
