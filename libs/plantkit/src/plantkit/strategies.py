"""What running a command is made of. The product has one set; the proofs of the checkers hand in wrong ones."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from plantkit.auth.principal import Principal
from plantkit.db.row import Values
from plantkit.db.tx import Tx, as_found
from plantkit.db.writer import Writes, statement


async def as_one_statement(tx: Tx, writes: Writes) -> Values:
    """State, events, audit entry and answer together. Answers what `statement` says of the outcome."""
    ready = statement(writes.shape)
    outcome = await tx.connection.fetchrow(ready.sql, *ready.arguments(writes.arguments()))
    assert outcome is not None
    return outcome


def by_id(principal: Principal) -> str:
    """Whose an Idempotency-Key is: two callers may use the same one and do not meet."""
    return principal.id


@dataclass(frozen=True, kw_only=True)
class CommandStrategies:
    write: Callable[[Tx, Writes], Awaitable[Values]] = as_one_statement
    caller: Callable[[Principal], str] = by_id
    seen: Callable[[Values], Values] = as_found
