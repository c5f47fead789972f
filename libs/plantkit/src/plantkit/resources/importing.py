"""The owner's side of imports: all targets of a service share one consumer group. Every resource is one.

A batch of rows is judged row by row in Python and written as one statement: state, events and all. Its answer and its
audit entry are told in the same transaction.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import asyncpg

from plantkit import crash
from plantkit.audit import told_entry, trace_id
from plantkit.db.constraints import explain
from plantkit.db.row import Aggregate
from plantkit.db.tx import Tx
from plantkit.db.writer import Writes
from plantkit.errors import Busy, DomainError, Forbidden, Invalid
from plantkit.ids import new_id
from plantkit.messaging.consumer import Consumer
from plantkit.messaging.records import Delivery
from plantkit.resources import staging
from plantkit.resources.errors import NotAlone
from plantkit.resources.incoming import Incoming
from plantkit.resources.judging import ResourceTarget
from plantkit.resources.pen import Copies, Overtaken, Pen, pen, savepoint
from plantkit.resources.references import table_of
from plantkit.resources.sent import Sent
from plantkit.resources.verdict import BREATH, RowTarget, Verdicts, cause_of
from plantkit.settings import ServiceSettings
from plantkit.slice import Slice
from plantkit.telling import Letterhead
from takt_contracts.audit import Actor, AuditEntry, Outcome
from takt_contracts.imports.rows import ROWS_APPLIED, Phase, RowBatch, RowsReady

AT_ONCE: Final = 8
"""Batches in one transaction: enough that a commit costs little, few enough that its locks are short."""
_ATTEMPTS: Final = 4
_RULES = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)


def takes_rows(service: str, slices: Sequence[Slice]) -> bool:
    """Whether rows of imports come to this service."""
    return service in ROWS_APPLIED and any(part.resources or part.targets for part in slices)


def importers(settings: ServiceSettings, slices: Sequence[Slice]) -> list[Consumer]:
    """The consumer of a service that rows come to; of others none."""
    if not takes_rows(settings.service, slices):
        return []
    targets: list[RowTarget] = [ResourceTarget(resource) for part in slices for resource in part.resources]
    targets += [target for part in slices for target in part.targets]
    group = f"{settings.service}.imports"
    return [Consumer(group=group, events=(RowsReady,), handler=Importer(settings, targets), batch=AT_ONCE)]


class _NotAll(Exception):
    """Some row of an import that wants all or none was refused."""


class Importer:
    """The handler. A batch that comes twice is dropped by the inbox, and a late one by its version; were it applied
    again, its rows would be found unchanged.
    """

    def __init__(self, settings: ServiceSettings, targets: Iterable[RowTarget]) -> None:
        self._settings = settings
        self._owner = settings.service
        self._targets = {target.template.id: target for target in targets}

    async def __call__(self, tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
        for _, together in groupby(self._ours(deliveries), key=lambda sent: sent.sort):
            for sent, verdicts in await self._deal_with(tx, list(together)):
                self._answer(tx, sent, verdicts)

    def _ours(self, deliveries: Iterable[Delivery[Any]]) -> Iterator[Sent]:
        for delivery in deliveries:
            batch: RowBatch = delivery.event.state
            if batch.owner == self._owner:
                yield Sent(delivery.version, batch, delivery.envelope.traceparent)

    async def _deal_with(self, tx: Tx, sent: Sequence[Sent]) -> list[tuple[Sent, Verdicts]]:
        batch = sent[0].batch
        target = self._targets.get(batch.target)
        if target is None:
            return [(one, _unknown_target(one.batch)) for one in sent]
        if batch.phase is Phase.PLAN:
            return list(zip(sent, await self._plan(tx, target, sent), strict=True))
        if not batch.atomic:
            return list(zip(sent, await self._commit(tx, target, sent), strict=True))
        answered: list[tuple[Sent, Verdicts]] = []
        for one in sent:
            whole = await staging.gathered(tx, one)
            answered += zip(whole, await self._all_or_none(tx, target, whole), strict=True)
        return answered

    async def _plan(self, tx: Tx, target: RowTarget, sent: Sequence[Sent]) -> list[Verdicts]:
        """What would happen. Nothing is locked and nothing is kept."""
        batches = [target.reader.read(one.batch) for one in sent]
        return [await judge.judge() for judge in await target.judges(tx, batches, lock=False, hold=False)]

    async def _commit(self, tx: Tx, target: RowTarget, sent: Sequence[Sent]) -> list[Verdicts]:
        """At first without locks, as others seldom change the same rows; when somebody did, all is looked up again and
        kept as it is. A rule that only the database knows refuses its row alone.
        """
        for attempt in range(_ATTEMPTS):
            try:
                async with savepoint(tx.connection):
                    return await self._apply(tx, target, sent, lock=attempt > 0)
            except Overtaken:
                continue
            except asyncpg.UniqueViolationError as taken:
                if not target.is_another_rule(taken):
                    continue
                return [await self._carefully(tx, target, one) for one in sent]
            except _RULES:
                return [await self._carefully(tx, target, one) for one in sent]
        raise Busy("Others kept changing the rows of an import.")

    async def _apply(self, tx: Tx, target: RowTarget, sent: Sequence[Sent], *, lock: bool) -> list[Verdicts]:
        batches = [target.reader.read(one.batch) for one in sent]
        judges = await target.judges(tx, batches, lock=lock, hold=True)
        found = []
        async with pen(tx.connection) as writer:
            for one, judge in zip(sent, judges, strict=True):
                if target.asks:  # the database must not be busy with the batch before
                    await writer.settle()
                verdicts = await judge.judge()
                await self._write(tx, writer, one, verdicts)
                found.append(verdicts)
        return found

    async def _carefully(self, tx: Tx, target: RowTarget, sent: Sent) -> Verdicts:
        """Halve a batch that the database refuses until the rows that it refuses stand alone."""
        whole = Verdicts.of(target.reader.read(sent.batch))
        parts = [range(len(sent.batch.rows))]
        while parts:
            places = parts.pop()
            try:
                async with savepoint(tx.connection):
                    whole.take_over(await self._some(tx, target, sent, places), places)
            except _RULES as broken:
                if len(places) == 1:
                    whole.refuse(places[0], _explained(broken))
                else:
                    parts += [places[len(places) // 2 :], places[: len(places) // 2]]
        return whole

    async def _some(self, tx: Tx, target: RowTarget, sent: Sent, places: range) -> Verdicts:
        incoming = target.reader.read(sent.batch)
        [judge] = await target.judges(tx, [incoming], lock=True, hold=True)
        verdicts = await judge.judge(places)
        async with pen(tx.connection) as writer:
            await self._write(tx, writer, sent, verdicts)
        return verdicts

    async def _all_or_none(self, tx: Tx, target: RowTarget, sent: Sequence[Sent]) -> list[Verdicts]:
        found: list[Verdicts] = []
        try:
            async with savepoint(tx.connection):
                for start in range(0, len(sent), AT_ONCE):
                    found += await self._commit(tx, target, sent[start : start + AT_ONCE])
                _require_all(found)
        except _NotAll:
            for verdicts in found:
                verdicts.take_back(NotAlone("Another row of the import was refused."))
        return found

    async def _write(self, tx: Tx, writer: Pen, sent: Sent, verdicts: Verdicts) -> None:
        """What changes along goes first, because the rows refer to it."""
        crash.point("import.mid_batch")
        await self._write_along(tx, writer, sent, verdicts.along)
        told = [fact for rows in verdicts.changed async for fact in self._facts(tx, sent, rows)]
        if told:
            await writer.write(_writes(verdicts), Copies(rows=verdicts.created, told=told, now=tx.now))
            verdicts.let_go()

    async def _write_along(self, tx: Tx, writer: Pen, sent: Sent, rows: Sequence[Aggregate]) -> None:
        if not rows:
            return
        by_fact = groupby(sorted(rows, key=_fact), key=_fact)
        told = [fact for _, group in by_fact async for fact in self._facts(tx, sent, list(group))]
        writes = Writes()
        for row in rows:
            target: dict[Any, list[Any]] = writes.updated if row.base_version else writes.inserted
            target.setdefault(table_of(row), []).append(row)
        await writer.write(writes, Copies(rows=(), told=told, now=tx.now))

    async def _facts(self, tx: Tx, sent: Sent, rows: Sequence[Aggregate]) -> AsyncIterator[dict[str, Any]]:
        """Rows of the outbox: each fact names the row of the sheet that made it happen."""
        if not rows:
            return
        about: dict[str, Any] = {"principal": sent.principal, "origin": sent.origin, "now": tx.now}
        head = Letterhead(rows[0].told[0], settings=self._settings, **about)
        cause = f"imports/{sent.batch.import_id}/rows/"
        for number, row in enumerate(rows):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            for event in row.told:
                yield head.row(event, f"{cause}{cause_of(row)}")

    def _answer(self, tx: Tx, sent: Sent, verdicts: Verdicts) -> None:
        """Tell imports what became of the rows, and the audit trail, if something did or somebody had no right."""
        by: dict[str, Any] = {"principal": sent.principal, "origin": sent.origin}
        tx.tell(ROWS_APPLIED[self._owner](version=sent.version, state=verdicts.results()), **by)
        if verdicts.has_changed or verdicts.is_forbidden:
            tx.tell(told_entry(self._entry(tx, sent, verdicts), self._settings), **by)

    def _entry(self, tx: Tx, sent: Sent, verdicts: Verdicts) -> AuditEntry:
        batch, forbidden = sent.batch, verdicts.is_forbidden
        return AuditEntry(
            id=new_id(),
            at=tx.now,
            actor=Actor(kind="user", id=batch.uploaded_by),
            action=f"{self._owner}.import.applied",
            outcome=Outcome.REFUSED if forbidden else Outcome.CHANGED,
            code=Forbidden.code if forbidden else None,
            resource=batch.target,
            subject=str(batch.import_id),
            version=sent.version,
            request_id=sent.origin.request_id,
            trace_id=trace_id(sent.origin),
            changes={"batch": batch.batch, **{str(state): count for state, count in Counter(verdicts.states).items()}},
        )


def _writes(verdicts: Verdicts) -> Writes:
    """What has to be one statement: changes of rows, and rows with their parts, which ask for each other."""
    writes = Writes()
    for rows in (verdicts.divided, verdicts.parts):
        if rows:
            writes.inserted[table_of(rows[0])] = [*rows]
    if verdicts.updated:
        writes.updated[table_of(verdicts.updated[0])] = [*verdicts.updated]
    return writes


def _fact(row: Aggregate) -> str:
    return row.told[0].type


def _require_all(found: Iterable[Verdicts]) -> None:
    if any(verdicts.has_refused for verdicts in found):
        raise _NotAll


def _unknown_target(batch: RowBatch) -> Verdicts:
    incoming = Incoming(batch, {}, [()] * len(batch.rows))
    incoming.refuse_all(
        "target.unknown", f"{batch.owner} has no {batch.target}.", hint="Name a template that there is."
    )
    return Verdicts.of(incoming)


def _explained(broken: Exception) -> DomainError:
    if isinstance(broken, asyncpg.IntegrityConstraintViolationError):
        return explain(broken)
    return Invalid("The database cannot keep a value of this row.")
