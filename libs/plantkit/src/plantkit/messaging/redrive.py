"""What a person does with records that lie aside: send them on again, or give one up for good.

A record goes with all of its key, because none may pass an earlier one: the loop of retries tries them in order, from
the table, through what they failed in. Whatever fails again lies aside again, with its reason.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from plantkit.audit import told_entry, trace_id
from plantkit.db.tx import Tx
from plantkit.errors import DomainError, Kind, NotFound
from plantkit.ids import new_id
from plantkit.messaging.parked_statements import BEHIND
from plantkit.messaging.parked_views import ParkedFilter, ParkedState, Redriven
from plantkit.settings import ServiceSettings
from takt_contracts.audit import Actor, AuditEntry, Outcome

MOST_KEYS = 1000
"""Keys that one call by filter sends on; the others are told as `left`."""

_FOUND = "SELECT id, state FROM parked WHERE id = ANY($1::uuid[])"
_MATCHES = """
state = 'parked' AND ($2::text IS NULL OR group_name = $2) AND ($3::text IS NULL OR topic = $3)
AND ($4::bytea IS NULL OR key = $4) AND ($5::text IS NULL OR reason_code = $5)
"""
# Who was parked longest comes first: what fails again and again does not keep others from their turn.
_SEND_ON = f"""
WITH chosen AS (
    SELECT group_name, topic, key, CASE WHEN key IS NULL THEN id END AS alone
    FROM parked WHERE CASE WHEN $1::uuid[] IS NULL THEN {_MATCHES}
                      ELSE id = ANY($1) AND state IN ('retry', 'parked') END
    GROUP BY 1, 2, 3, 4 ORDER BY min(parked_at) NULLS FIRST LIMIT $6
), held AS (
    SELECT p.id FROM parked p JOIN chosen c ON p.group_name = c.group_name AND p.topic = c.topic
        AND (p.key = c.key OR p.id = c.alone)
    WHERE p.state IN ('retry', 'parked') ORDER BY p.group_name, p.topic, p.key, p.offset_ FOR UPDATE OF p
), sent AS (
    UPDATE parked SET state = 'retry', attempts = 0, next_attempt_at = clock_timestamp(), parked_at = NULL
    WHERE id IN (SELECT id FROM held) RETURNING id
)
SELECT (SELECT count(*) FROM chosen) AS keys, (SELECT count(*) FROM sent) AS records
"""  # noqa: S608 - conditions of ours
_LEFT = f"SELECT count(*) FROM parked WHERE $1::uuid[] IS NULL AND {_MATCHES}"  # noqa: S608 - conditions of ours
_LOCK = "SELECT id, topic, key, state, reason_code FROM parked WHERE id = $1 FOR UPDATE"
_GIVE_UP = "UPDATE parked SET state = 'discarded', next_attempt_at = NULL WHERE id = $1"


class NoLongerParked(DomainError):
    """The record was sent on and took effect, or was given up."""

    kind = Kind.CONFLICT
    code = "parked.over"
    cure = "Nothing is left to do with it; read its state at GET /api/v1/parked/{id}."


class OnlyWaits(DomainError):
    """The record itself never failed: it waits behind an earlier one of its key."""

    kind = Kind.CONFLICT
    code = "parked.only-waits"
    cure = "Redrive or discard the first record of its key; this one follows by itself."


class TooManyRedrives(DomainError):
    """More calls in a minute than may send records on."""

    kind = Kind.LIMITED
    code = "parked.too-many-redrives"
    cure = "Wait for the time in Retry-After; one call takes up to 1,000 keys."


@dataclass(frozen=True, kw_only=True)
class Redrive:
    """Records by id, or all that match."""

    ids: Sequence[UUID] | None = None
    filter: ParkedFilter | None = None


@dataclass(frozen=True, kw_only=True)
class Discard:
    """Give one record up, for a reason. It is kept; those behind it go on."""

    id: UUID
    reason: str


class Turnstile:
    """How often a minute something may be done, kept in this process."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._per_minute, self._monotonic = per_minute, monotonic
        self._level, self._at = float(per_minute), monotonic()

    def pass_or_refuse(self) -> None:
        """Raises TooManyRedrives."""
        now = self._monotonic()
        self._level = min(float(self._per_minute), self._level + (now - self._at) * self._per_minute / 60)
        self._at = now
        if self._level < 1:
            wait_s = int((1 - self._level) * 60 / self._per_minute) + 1
            raise TooManyRedrives("Records were sent on too often in the last minute.", retry_after_s=wait_s)
        self._level -= 1


@dataclass(frozen=True)
class Desk:
    """The commands of one service, each with its entry in the audit trail."""

    settings: ServiceSettings

    async def redrive(self, tx: Tx, cmd: Redrive) -> Redriven:
        await tx.begin()
        if cmd.ids is not None:
            await self._refuse_unknown(tx, cmd.ids)
        by = cmd.filter or ParkedFilter()
        given = (cmd.ids, by.group, by.topic, by.key_bytes, by.reason_code)
        sent = await tx.connection.fetchrow(_SEND_ON, *given, MOST_KEYS)
        left = await tx.connection.fetchval(_LEFT, *given)
        assert sent is not None
        done = Redriven(service=self.settings.service, keys=sent["keys"], records=sent["records"], left=left)
        if done.records:
            self._note(tx, "redriven", None, {**_named(cmd), **done.model_dump(exclude={"service"})})
        return done

    async def discard(self, tx: Tx, cmd: Discard) -> None:
        await tx.begin()
        row = await tx.connection.fetchrow(_LOCK, cmd.id)
        if row is None:
            raise NotFound("parked record", cmd.id)
        _refuse_over([row])
        if row["reason_code"] == BEHIND:
            raise OnlyWaits("It waits behind an earlier record of its key, and has not failed itself.")
        await tx.connection.execute(_GIVE_UP, cmd.id)
        self._note(tx, "discarded", str(cmd.id), {"reason": cmd.reason, "reason_code": row["reason_code"]})

    async def _refuse_unknown(self, tx: Tx, ids: Sequence[UUID]) -> None:
        """Raises NotFound, NoLongerParked: either all of them are sent on or none."""
        found = await tx.connection.fetch(_FOUND, ids)
        missing = set(ids) - {row["id"] for row in found}
        if missing:
            raise NotFound("parked record", ", ".join(sorted(map(str, missing))[:10]))
        _refuse_over(found)

    def _note(self, tx: Tx, what: str, subject: str | None, changes: Mapping[str, Any]) -> None:
        entry = AuditEntry(
            id=new_id(),
            at=tx.now,
            actor=Actor(kind=tx.principal.kind, id=tx.principal.id),
            action=f"{self.settings.service}.parked.{what}",
            outcome=Outcome.CHANGED,
            resource="parked",
            subject=subject,
            request_id=tx.origin.request_id,
            trace_id=trace_id(tx.origin),
            changes=dict(changes),
        )
        tx.tell(told_entry(entry, self.settings))


def _refuse_over(rows: Sequence[asyncpg.Record]) -> None:
    over = [row for row in rows if row["state"] in (ParkedState.REDRIVEN, ParkedState.DISCARDED)]
    if over:
        named = ", ".join(f"{row['id']} is {row['state']}" for row in over[:10])
        raise NoLongerParked(f"Nothing waits any more: {named}.")


def _named(cmd: Redrive) -> dict[str, Any]:
    """What was asked for, as the entry tells it."""
    if cmd.ids is not None:
        return {"ids": [str(id_) for id_ in cmd.ids]}
    return {"filter": cmd.filter.model_dump(exclude_none=True) if cmd.filter else {}}
