"""Wrong ways to run a command, each a mistake that is made in the field. They take the place of the product's parts by
constructor.

Every one of them must be convicted by a checker; if one passes, the checkers prove nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from plantkit import crash
from plantkit.auth.principal import Principal
from plantkit.db.engine import Compiled
from plantkit.db.row import Values
from plantkit.db.tx import Tx
from plantkit.db.writer import Shape, Writes, statement
from plantkit.strategies import CommandStrategies, as_one_statement

BETWEEN = "planted.between_two_transactions"
_VERSION_PREDICATE = re.compile(r" AND \S+\.version = \S+base_version")
_INSERTED = re.compile(r"( RETURNING \$\d+::INTEGER AS one)")
_AROUND = ("handed_over", "consumed", "consumer_tolerance_percent")
_STORED = "SELECT request_sha256, status, headers, body FROM idempotency WHERE caller = $1 AND key = $2"


async def _state_first_events_later(tx: Tx, writes: Writes) -> Values:
    """Commits the state and builds the event from it afterwards."""
    outcome = await as_one_statement(tx, replace(writes, outbox=[]))
    done = outcome["changed"] == writes.changed_rows and writes.all_kept(outcome) and not writes.not_held(outcome)
    if writes.outbox and done:
        await _committed(tx)
        await as_one_statement(tx, Writes(outbox=writes.outbox))
    return outcome


async def _effect_first_answer_later(tx: Tx, writes: Writes) -> Values:
    """Looks whether the key was answered, does what was asked, and stores the answer when that is done."""
    answer, inner = writes.answer, replace(writes, answer=None)
    if answer is None:
        return await as_one_statement(tx, writes)
    before = await tx.connection.fetchrow(_STORED, answer["caller"], answer["key"])
    if before is not None:
        return {**before, "got": True, "changed": 0}
    outcome = _unanswered(await as_one_statement(tx, inner))
    if outcome["changed"] == writes.changed_rows and writes.all_kept(outcome):
        await _committed(tx)
        await as_one_statement(tx, Writes(answer=answer))
    return outcome


def _unanswered(outcome: Values) -> Mapping[str, Any]:
    return {**dict(outcome), "status": None}


async def _committed(tx: Tx) -> None:
    """End the transaction where the product has none to end, and begin another."""
    if tx.begun:
        await tx.connection.execute("COMMIT")
    crash.point(BETWEEN)
    await tx.connection.execute("BEGIN")
    tx.begun = True


async def _last_write_wins(tx: Tx, writes: Writes) -> Values:
    """Updates by id alone, and steps over whatever is there already."""
    ready = _careless(writes.shape)
    outcome = await tx.connection.fetchrow(ready.sql, *ready.arguments(writes.arguments()))
    assert outcome is not None
    return outcome


@cache
def _careless(shape: Shape) -> Compiled:
    ready = statement(shape)
    sql, removed = _VERSION_PREDICATE.subn("", ready.sql)
    assert removed == len(shape.updated), ready.sql
    return replace(ready, sql=_INSERTED.sub(r" ON CONFLICT DO NOTHING\1", sql))


def _anybody(principal: Principal) -> str:
    """Everybody's keys in one drawer."""
    return "anybody"


def _nothing_around(read: Values) -> Values:
    """As if no operation of the order were before or after: a ceiling that nobody looks at."""
    return {**read, **{name: None for name in _AROUND if name in read}}


EVENT_AFTER_COMMIT = CommandStrategies(write=_state_first_events_later)
ANSWER_AFTER_EFFECT = CommandStrategies(write=_effect_first_answer_later)
NO_VERSION_PREDICATE = CommandStrategies(write=_last_write_wins)
KEY_OF_ANYBODY = CommandStrategies(caller=_anybody)
NO_CEILING = CommandStrategies(seen=_nothing_around)
