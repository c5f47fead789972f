"""Slowing down guesses, per account and source, before any password is hashed. Counters survive a restart."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, update
from sqlalchemy.dialects.postgresql import insert

from gateway.identity.errors import TooManySignIns
from gateway.identity.model import SignInAttempts
from gateway.identity.rules import FORGET_AFTER, Attempts, account_name, counted
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.ids import new_id

_held = insert(SignInAttempts).values(
    id=bindparam("id"),
    created_at=bindparam("now"),
    account=bindparam("account"),
    source=bindparam("source"),
    failures=1,
    last_at=bindparam("now"),
)
_HOLD = compile_statement(
    _held.on_conflict_do_update(index_elements=["account", "source"], set_={"source": _held.excluded.source}).returning(
        SignInAttempts.id, SignInAttempts.failures, SignInAttempts.last_at, SignInAttempts.blocked_until
    )
)
_KEEP = compile_statement(
    update(SignInAttempts)
    .where(SignInAttempts.id == bindparam("row"))
    .values(failures=bindparam("failures"), last_at=bindparam("last_at"), blocked_until=bindparam("blocked_until"))
)
_FORGET = compile_statement(
    delete(SignInAttempts).where(
        SignInAttempts.account == bindparam("account"), SignInAttempts.source == bindparam("source")
    )
)
_SWEEP = compile_statement(delete(SignInAttempts).where(SignInAttempts.last_at < bindparam("before")))


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try on an account, existing or not, from one source."""

    account: bytes
    source: str


def attempt_of(username: str, source: str) -> Attempt:
    name = account_name(username).encode("utf-8", "surrogatepass")
    return Attempt(account=hashlib.sha256(name).digest(), source=source)


async def count_attempt(tx: Tx, cmd: Attempt) -> bool:
    """Count it as failed until it succeeds, under the row's lock, so that fifty at once count fifty.

    Answers whether it may be tried; a try that may not is answered as a wrong password is.
    """
    await tx.begin()
    made = new_id()
    [row] = await tx.fetch(_HOLD, id=made, now=tx.now, account=cmd.account, source=cmd.source)
    if row["id"] == made:
        return True
    before = Attempts(failures=row["failures"], last_at=row["last_at"], blocked_until=row["blocked_until"])
    after = counted(before, tx.now)
    await tx.execute(
        _KEEP, row=row["id"], failures=after.failures, last_at=after.last_at, blocked_until=after.blocked_until
    )
    return not before.is_blocked(tx.now)


async def forget_attempts(tx: Tx, cmd: Attempt) -> None:
    """After a success: of this account from this source only."""
    await tx.execute(_FORGET, account=cmd.account, source=cmd.source)


async def sweep_attempts(tx: Tx, _: None) -> int:
    """Take away what is forgotten anyway."""
    return await tx.execute(_SWEEP, before=tx.now - FORGET_AFTER)


class SourceGate:
    """How often one source may try at all, whatever the account: a token bucket, kept in this process."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def pass_or_refuse(self, source: str, now_s: float) -> None:
        """Raises TooManySignIns, which costs next to nothing."""
        level, at = self._levels.pop(source, (float(self._per_minute), now_s))
        level = min(float(self._per_minute), level + (now_s - at) * self._per_minute / 60)
        self._levels[source] = (level - 1 if level >= 1 else level, now_s)
        if len(self._levels) > 10_000:
            self._levels.popitem(last=False)
        if level < 1:
            wait_s = int((1 - level) * 60 / self._per_minute) + 1
            raise TooManySignIns("Too many sign-ins from here.", retry_after_s=wait_s)
