"""One walk over the unpublished rows: pages are read and sent ahead while earlier ones are marked behind."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from plantkit import crash
from plantkit.messaging.courtesy import Asked, Courtesy
from plantkit.messaging.leases import Leases
from plantkit.messaging.metrics import OUTBOX_PUBLISHED
from plantkit.messaging.outbox import ROW, START, Marker, Outcome, Reader, aggregate_of, is_full, position_of
from plantkit.messaging.publisher import Publisher, Ticket
from plantkit.messaging.resting import Aggregate, Resting


@dataclass(frozen=True, slots=True)
class Parts:
    """What a walk works with."""

    service: str
    reader: Reader
    marker: Marker
    publisher: Publisher
    leases: Leases
    resting: Resting


@dataclass(frozen=True, slots=True)
class _Sent:
    """A page on its way, with the fencing numbers it was read under."""

    ticket: Ticket
    epochs: Mapping[int, int]


class Walk:
    """Reads from the beginning, and ends only when all it sent is marked: the next walk cannot send a row twice."""

    def __init__(self, parts: Parts, *, page: int, pages_ahead: int, asked: Asked | None = None) -> None:
        self._parts = parts
        self._courtesy = Courtesy(asked or Asked())
        self._page = page
        self._on_the_way: asyncio.Queue[_Sent | None] = asyncio.Queue(pages_ahead)
        self._stopped: set[Aggregate] = set()
        self.marked = 0

    async def run(self) -> int:
        """Rows marked. Raises what stopped it; then the rest is unpublished still."""
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._send())
                both.create_task(self._mark())
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from several
        return self.marked

    async def _send(self) -> None:
        leases, after = self._parts.leases, START
        while epochs := dict(leases.held):
            rows = await self._parts.reader.page(sorted(epochs), after)
            if not rows:
                break
            crash.point("relay.after_select")
            self._hold_back_blocked(rows)
            for part in self._courtesy.parts(rows):
                ticket = await self._parts.publisher.send(part, self._stopped)
                await self._on_the_way.put(_Sent(ticket, epochs))
                await self._courtesy.rest(len(part))
            after = position_of(rows[-1])
            if not is_full(rows, self._page) or leases.is_above_share:
                break
        await self._on_the_way.put(None)

    async def _mark(self) -> None:
        while (sent := await self._on_the_way.get()) is not None:
            await sent.ticket.settled.wait()
            await self._keep(sent)
            if sent.ticket.outcome.failure is not None:
                raise sent.ticket.outcome.failure

    async def _keep(self, sent: _Sent) -> None:
        outcome = sent.ticket.outcome
        if not (outcome.delivered or outcome.blocked):
            return
        OUTBOX_PUBLISHED.labels(self._parts.service).inc(len(outcome.delivered))
        crash.point("relay.after_ack_before_mark")
        fenced = await self._parts.marker.mark(sent.epochs, outcome)
        if fenced:
            self._parts.leases.lose(fenced)
        self.marked += len(outcome.delivered)
        self._note_blocked(outcome)

    def _hold_back_blocked(self, rows: Sequence[asyncpg.Record]) -> None:
        blocked = {aggregate_of(row) for row in rows if row[ROW.blocked] is not None}
        self._stopped.update(one for one in blocked if not self._parts.resting.is_over(one))

    def _note_blocked(self, outcome: Outcome) -> None:
        for row in outcome.delivered:
            if row[ROW.blocked] is not None:
                self._parts.resting.forget(aggregate_of(row))
        for row, _ in outcome.blocked:
            self._parts.resting.begin(aggregate_of(row))
