"""Walks over the unpublished rows: pages are read and sent ahead while earlier ones are marked behind."""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from plantkit import crash
from plantkit.messaging.courtesy import Asked, Courtesy
from plantkit.messaging.leases import Leases
from plantkit.messaging.metrics import OUTBOX_PUBLISHED
from plantkit.messaging.outbox import ROW, START, Marker, Outcome, Position, Reader, aggregate_of, is_full, position_of
from plantkit.messaging.publisher import Publisher, Ticket
from plantkit.messaging.resting import Aggregate, Resting
from plantkit.tasks import together

_FEW = 100  # rows: as many as a walk may read in vain
_TOGETHER_S = 0.01


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
    ids: AbstractSet[UUID]


@dataclass(frozen=True, slots=True)
class _Page:
    """Rows, and the fencing numbers under which they were read."""

    rows: Sequence[asyncpg.Record]
    epochs: Mapping[int, int]


class Marking:
    """Marks what the broker has acknowledged, page by page, behind those who send."""

    def __init__(self, parts: Parts, *, pages_ahead: int) -> None:
        self._parts = parts
        self._pages: asyncio.Queue[_Sent] = asyncio.Queue(pages_ahead)
        self.on_the_way: set[UUID] = set()
        """Rows that were sent and are not marked yet: a read that begins now may still find them unpublished."""

    async def add(self, ticket: Ticket, epochs: Mapping[int, int], rows: Sequence[asyncpg.Record]) -> None:
        """Waits while as many pages as may be ahead are."""
        ids = {row[ROW.id] for row in rows}
        self.on_the_way |= ids
        await self._pages.put(_Sent(ticket, epochs, ids))

    @property
    def is_little(self) -> bool:
        """Whether a walk may read what is on its way once more, to pass over it."""
        return len(self.on_the_way) <= _FEW

    async def done(self) -> None:
        """When nothing is on its way."""
        await self._pages.join()

    async def run(self) -> None:
        """Runs until cancelled. Raises what stopped it; then the rest is unpublished still."""
        while True:
            pages = await self._collected()
            outcome, epochs = await _settled(pages)
            await self._keep(outcome, epochs)
            if outcome.failure is not None:
                raise outcome.failure
            for page in pages:
                self.on_the_way -= page.ids
                self._pages.task_done()

    async def _collected(self) -> list[_Sent]:
        """Pages to mark together. Few rows wait a little for more: nobody waits for a mark."""
        pages = [await self._pages.get()]
        with suppress(TimeoutError):
            async with asyncio.timeout(_TOGETHER_S):
                while self.is_little:
                    pages.append(await self._pages.get())
        return pages

    async def _keep(self, outcome: Outcome, epochs: Mapping[int, int]) -> None:
        if not (outcome.delivered or outcome.blocked):
            return
        OUTBOX_PUBLISHED.labels(self._parts.service).inc(len(outcome.delivered))
        crash.point("relay.after_ack_before_mark")
        fenced = await self._parts.marker.mark(epochs, outcome)
        if fenced:
            self._parts.leases.lose(fenced)
        self._note_blocked(outcome)

    def _note_blocked(self, outcome: Outcome) -> None:
        for row in outcome.delivered:
            if row[ROW.blocked] is not None:
                self._parts.resting.forget(aggregate_of(row))
        for row, _ in outcome.blocked:
            self._parts.resting.begin(aggregate_of(row))


async def _settled(pages: Sequence[_Sent]) -> tuple[Outcome, Mapping[int, int]]:
    """What became of all of them, up to the first that failed, under the oldest fencing number of each slot."""
    whole, epochs = Outcome(), dict[int, int]()
    for page in pages:
        await page.ticket.settled.wait()
        outcome = page.ticket.outcome
        whole.delivered += outcome.delivered
        whole.blocked += outcome.blocked
        epochs = {**page.epochs, **epochs}
        if outcome.failure is not None:
            whole.failure = outcome.failure
            break
    return whole, epochs


class Walk:
    """Reads from the beginning, and sends what is not on its way already."""

    def __init__(self, parts: Parts, marking: Marking, *, page: int, asked: Asked | None = None) -> None:
        self._parts = parts
        self._marking = marking
        self._courtesy = Courtesy(asked or Asked())
        self._page = page
        self.stopped: set[Aggregate] = set()
        """Of these a row could not be sent; what follows it waits until that is marked."""

    async def run(self) -> int:
        """Rows sent. They are on their way, not marked. The next page is read while one is sent."""
        on_the_way = frozenset(self._marking.on_the_way)  # as it was before the read: a mark may come in between
        sent, page = 0, await self._read(START)
        while page is not None and page.epochs == self._parts.leases.held:
            async with together() as group:
                ahead = group.create_task(self._read_behind(page))
                sent += await self._send(page, on_the_way)
            page = ahead.result()
        return sent

    async def _read(self, after: Position) -> _Page | None:
        """None where nothing waits, or nothing is surely ours."""
        epochs = dict(self._parts.leases.held)
        rows = await self._parts.reader.page(sorted(epochs), after) if epochs else ()
        if not rows:
            return None
        crash.point("relay.after_select")
        return _Page(rows, epochs)

    async def _read_behind(self, page: _Page) -> _Page | None:
        if not is_full(page.rows, self._page) or self._parts.leases.is_above_share:
            return None
        return await self._read(position_of(page.rows[-1]))

    async def _send(self, page: _Page, on_the_way: AbstractSet[UUID]) -> int:
        rows = [row for row in page.rows if row[ROW.id] not in on_the_way] if on_the_way else page.rows
        if not rows:
            return 0
        self._hold_back_blocked(rows)
        for part in self._courtesy.parts(rows):
            ticket = await self._parts.publisher.send(part, self.stopped)
            await self._marking.add(ticket, page.epochs, part)
            await self._courtesy.rest(len(part))
        return sum(aggregate_of(row) not in self.stopped for row in rows) if self.stopped else len(rows)

    def _hold_back_blocked(self, rows: Sequence[asyncpg.Record]) -> None:
        blocked = {aggregate_of(row) for row in rows if row[ROW.blocked] is not None}
        self.stopped.update(one for one in blocked if not self._parts.resting.is_over(one))


async def walk_once(parts: Parts, *, page: int, pages_ahead: int) -> None:
    """One walk, and all it sent is marked. Raises what stopped it."""
    marking = Marking(parts, pages_ahead=pages_ahead)
    async with together() as group:
        running = group.create_task(marking.run())
        await Walk(parts, marking, page=page).run()
        await marking.done()
        running.cancel()
