"""The audit trail's entries: a change in the transaction that made it, a refusal in one of its own.

They travel as events of the service, so the relay that tells facts tells entries too. Refusals that nobody signed in
for are counted per source and minute: an entry for each would let a stranger fill the disk.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from fastapi import Request
from pydantic import BaseModel

from plantkit import crash
from plantkit.auth.principal import SYSTEM, Principal
from plantkit.clock import Clock
from plantkit.db.engine import FAILED, Database
from plantkit.db.row import Aggregate, columns_of
from plantkit.db.tx import Origin, Refused, Tx
from plantkit.db.writer import Writes, statement
from plantkit.errors import DomainError, Unauthenticated, Unavailable
from plantkit.ids import new_id
from plantkit.messaging.wake import Wake
from plantkit.observability import logs
from plantkit.settings import ServiceSettings
from plantkit.telling import outbox_row
from takt_contracts.audit import AUDIT_RECORDED, Actor, AuditEntry, Outcome
from takt_contracts.event import Event

_SUM_EVERY_S = 60.0
_NOT_TOLD = ("version", "updated_at")
log = logs.get(__name__)


def change_row(told: Sequence[tuple[Aggregate, Event]], tx: Tx, settings: ServiceSettings) -> dict[str, Any]:
    """The entry of one command: its first fact names it, not what changed along; fields that changed ride with it."""
    aggregate, event = told[0]
    alike = [(row, fact) for row, fact in told if type(row) is type(aggregate)]
    entry = AuditEntry(
        id=new_id(),
        at=tx.now,
        actor=Actor(kind=tx.principal.kind, id=tx.principal.id),
        action=event.type.removesuffix(".v1").partition(".")[2],
        outcome=Outcome.CHANGED,
        resource=event.entity,
        subject=event.subject if len({row.id for row, _ in alike}) == 1 else None,
        version=alike[-1][1].version,
        request_id=tx.origin.request_id,
        trace_id=trace_id(tx.origin),
        changes=_changes(aggregate),
    )
    return _row(entry, tx.principal, tx.origin, settings)


def told_entry(entry: AuditEntry, settings: ServiceSettings) -> Event:
    """An entry that no aggregate's change makes, to be told by `Tx.tell`."""
    return AUDIT_RECORDED[settings.service](version=1, state=entry)


def refusal_row(refused: Refused, tx: Tx, settings: ServiceSettings) -> dict[str, Any]:
    """The entry of one of several things that a command was asked for. It is written with the answer that says so."""
    entry = _refusal(tx.principal, refused.code, tx.origin, tx.now)
    named = entry.model_copy(update={"resource": refused.resource, "subject": refused.subject})
    return _row(named, tx.principal, tx.origin, settings)


class Refusals:
    """Writes what was refused, before it is answered: what nobody could prove later is not refused but unavailable."""

    def __init__(self, db: Database, settings: ServiceSettings, clock: Clock, wake: Wake) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._wake = wake
        self._anonymous: Counter[tuple[str, str]] = Counter()

    async def tell(self, request: Request, error: DomainError) -> None:
        """One entry for a refused request of a signed-in caller; anonymous ones are counted. Raises Unavailable."""
        principal: Principal | None = getattr(request.state, "principal", None)
        if principal is None or isinstance(error, Unauthenticated):
            self._anonymous[request.client.host if request.client else "unknown", error.code] += 1
            return
        origin: Origin = request.state.origin
        entry = _refusal(principal, error.code, origin, self._clock())
        if not await self._write(entry, principal, origin):
            raise Unavailable("The request was refused, and the refusal could not be recorded.")

    async def run(self) -> None:
        """Write the counts of anonymous refusals once a minute, until cancelled."""
        while True:
            await asyncio.sleep(_SUM_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Write the counts gathered so far."""
        counted, self._anonymous = self._anonymous, Counter()
        for (source, code), count in counted.items():
            origin = Origin(request_id=str(new_id()))
            changes = {"source": source, "count": count}
            entry = _entry(Actor(kind="anonymous"), "anonymous requests", code, origin, self._clock())
            await self._write(entry.model_copy(update={"changes": changes}), SYSTEM, origin)

    async def _write(self, entry: AuditEntry, principal: Principal, origin: Origin) -> bool:
        """False, and a line in the log, when that is not possible."""
        writes = Writes(outbox=[_row(entry, principal, origin, self._settings)])
        ready = statement(writes.shape)
        try:
            async with self._db.connection() as connection, connection.transaction():
                await connection.execute(ready.sql, *ready.arguments(writes.arguments()))
                crash.point("audit.after_entry_before_commit")
        except (*FAILED, DomainError) as lost:
            log.warning("audit.refusal_not_written", code=entry.code, entry=str(entry.id), why=type(lost).__name__)
            return False
        self._wake.notify()
        return True


def _refusal(principal: Principal, code: str, origin: Origin, at: datetime) -> AuditEntry:
    return _entry(Actor(kind=principal.kind, id=principal.id), origin.asked, code, origin, at)


def _entry(actor: Actor, action: str, code: str, origin: Origin, at: datetime) -> AuditEntry:
    about: dict[str, Any] = {"request_id": origin.request_id, "trace_id": trace_id(origin)}
    return AuditEntry(id=new_id(), at=at, actor=actor, action=action, outcome=Outcome.REFUSED, code=code, **about)


def _row(entry: AuditEntry, principal: Principal, origin: Origin, settings: ServiceSettings) -> dict[str, Any]:
    event = told_entry(entry, settings)
    return outbox_row(event, principal=principal, origin=origin, now=entry.at, settings=settings)


def _changes(aggregate: Aggregate) -> dict[str, Any]:
    """Columns that differ from what was read, as JSON values; a new aggregate's are in its event."""
    before = aggregate.as_read
    if before is None:
        return {}
    names = [name for name in columns_of(type(aggregate)) if name not in _NOT_TOLD and name not in aggregate.untold]
    after = {name: getattr(aggregate, name) for name in names}
    changed = {name: value for name, value in after.items() if value != before[name]}
    found: dict[str, Any] = orjson.loads(orjson.dumps(changed, default=_plain))
    return found


def _plain(value: object) -> object:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


def trace_id(origin: Origin) -> str | None:
    return origin.traceparent.split("-")[1] if origin.traceparent else None
