"""The door: a token is good only while its sign-in runs and its user still holds the roles it names."""

import base64
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

import orjson

from gateway.identity.queries import running_roles
from plantkit.auth.principal import Principal
from plantkit.auth.tokens import Verifier, refuse
from plantkit.clock import Clock
from plantkit.db.engine import Database
from plantkit.errors import Unavailable
from takt_contracts.roles import Role

FRESH_S = 10.0
STALE_S = 55.0
"""While the database is away an answer this old still counts; older than a minute never."""

_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Seen:
    at: float
    roles: frozenset[Role] | None


class SignInVerifier(Verifier):
    """As the kit's verifier, and asks the sign-in: logout, disabling and role changes work within seconds."""

    def __init__(self, jwks_url: str, db: Database, clock: Clock) -> None:
        super().__init__(jwks_url)
        self._db, self._clock = db, clock
        self._running: OrderedDict[UUID, _Seen] = OrderedDict()

    async def verify(self, token: str) -> Principal:
        """Raises Unauthenticated; Unavailable when neither the database nor a recent answer of it is there."""
        principal = await super().verify(token)
        roles = await self._roles(sign_in_of(token))
        if roles is None or roles != principal.roles:
            raise refuse()
        return principal

    def forget(self, sign_in_id: UUID | None = None) -> None:
        """Ask again at the next request: of one sign-in, or of all."""
        if sign_in_id is None:
            self._running.clear()
        else:
            self._running.pop(sign_in_id, None)

    async def _roles(self, sign_in_id: UUID) -> frozenset[Role] | None:
        seen = self._running.get(sign_in_id)
        if seen is not None and time.monotonic() - seen.at < FRESH_S:
            return seen.roles
        try:
            roles = await running_roles(self._db, sign_in_id, self._clock())
        except Unavailable:
            if seen is None or time.monotonic() - seen.at > STALE_S:
                raise
            return seen.roles
        self._keep(sign_in_id, roles)
        return roles

    def _keep(self, sign_in_id: UUID, roles: frozenset[Role] | None) -> None:
        self._running[sign_in_id] = _Seen(time.monotonic(), roles)
        if len(self._running) > _REMEMBERED:
            self._running.popitem(last=False)


def sign_in_of(token: str) -> UUID:
    """The `sid` of a token whose signature was verified. Raises Unauthenticated where it names none."""
    payload = token.split(".")[1]
    claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    try:
        return UUID(claims["sid"])
    except (KeyError, ValueError, AttributeError, TypeError):
        raise refuse() from None
