"""Signing in, going on, and out: what the routes call. Every refused sign-in takes the same steps and the same time."""

from dataclasses import dataclass, replace

from gateway.identity.attempts import attempt_of, count_attempt, forget_attempts
from gateway.identity.commands import ChangeHash, OpenSignIn, change_hash, open_sign_in
from gateway.identity.errors import RefreshRefused, SignInRefused
from gateway.identity.passwords import Passwords
from gateway.identity.queries import Credentials, credentials
from gateway.identity.rules import LONGEST_PASSWORD
from gateway.identity.signing import Signer
from gateway.identity.tokens import Rotate, digest_of, new_token, rotate
from gateway.metrics import SIGN_INS
from plantkit.auth.principal import Principal
from plantkit.db.engine import Database
from plantkit.run import Runner


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What a sign-in or a refresh hands out."""

    access_token: str
    refresh_token: str


@dataclass(frozen=True, kw_only=True)
class SigningIn:
    """The steps, with what they need."""

    passwords: Passwords
    signer: Signer

    async def sign_in(self, run: Runner, db: Database, *, username: str, password: str, source: str) -> Pair:
        """Raises SignInRefused. The attempt is counted first, and one hash is computed whoever asks."""
        attempt = attempt_of(username, source)
        may_try = await run(count_attempt, attempt)
        user = await credentials(db, username)
        right = await self.passwords.matches(user.password_hash if user else None, password)
        if user is None or not (right and may_try and user.active) or len(password) > LONGEST_PASSWORD:
            SIGN_INS.labels("refused").inc()
            raise SignInRefused("The user name and password were not accepted.")
        run = replace(run, principal=principal_of(user))
        await run(forget_attempts, attempt)
        await self._renew_hash(run, user, password)
        return await self._open(run, user)

    async def refresh(self, run: Runner, token: str) -> Pair:
        """Raises RefreshRefused."""
        fresh = new_token()
        rotated = await run(rotate, Rotate(old=digest_of(token), new=digest_of(fresh)))
        if rotated is None:
            SIGN_INS.labels("refresh_refused").inc()
            raise RefreshRefused("The refresh token is not valid.")
        SIGN_INS.labels("refreshed").inc()
        access = self.signer.access_token(
            user=rotated.user_id,
            name=rotated.name,
            roles=rotated.roles,
            sign_in=rotated.sign_in_id,
            now=rotated.now,
        )
        return Pair(access_token=access, refresh_token=fresh)

    async def _open(self, run: Runner, user: Credentials) -> Pair:
        fresh = new_token()
        SIGN_INS.labels("opened").inc()
        opened = await run(open_sign_in, OpenSignIn(user_id=user.id, digest=digest_of(fresh)))
        access = self.signer.access_token(
            user=user.id, name=user.name, roles=user.roles, sign_in=opened.id, now=opened.created_at
        )
        return Pair(access_token=access, refresh_token=fresh)

    async def _renew_hash(self, run: Runner, user: Credentials, password: str) -> None:
        if self.passwords.is_outdated(user.password_hash):
            renewed = await self.passwords.hash(password)
            await run(change_hash, ChangeHash(user_id=user.id, old=user.password_hash, new=renewed))


def principal_of(user: Credentials) -> Principal:
    return Principal(id=str(user.id), kind="user", roles=frozenset(user.roles), name=user.name)
