"""Work that no request can wait for: rows that one worker at a time leases, and another takes over when it dies.

A service derives its own table from `Work` and fills it in the transaction that makes the work. Who claims a row gets
the next epoch of it; every write on its behalf checks that epoch first (`hold`), so a worker that was stopped for
longer than its lease, and wakes up, changes nothing any more. All times are the database's.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from plantkit.db.engine import ENDED_SESSION, FAILED, Database
from plantkit.db.row import Row
from plantkit.db.tx import Tx
from plantkit.errors import DomainError, Unavailable
from plantkit.ids import new_id
from plantkit.messaging.wake import Wake
from plantkit.observability import logs

LEASE_S = 10.0
POLL_S = 0.25
BACKOFF_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""How long work rests after its first, second, ... failure; the last counts for all that follow."""
AWAY_S = 5.0
"""How long it rests when what it needs was away; that is no failure of the work."""

_TROUBLE = (*FAILED, DomainError)
log = logs.get(__name__)


class Work(Row):
    """A piece of work. `lane` says whose it is: nobody's lane keeps all hands of a process busy."""

    __abstract__ = True

    lane: Mapped[str] = mapped_column(String(200))
    not_before: Mapped[datetime]
    owner: Mapped[str | None] = mapped_column(String(40))
    epoch: Mapped[int] = mapped_column(BigInteger, comment="fencing number; grows with each owner")
    attempts: Mapped[int] = mapped_column(Integer, comment="claims since it was last begun")
    lease_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to do a piece of work for a while. `attempts` counts this one."""

    id: UUID
    lane: str
    epoch: int
    attempts: int


class Fenced(Exception):
    """The work is somebody else's by now, or over; nothing may be written for it."""


# The choice is a value, which PostgreSQL computes once. As a table to join with it is computed for each row that it is
# compared to, whenever the plan is so, and a choice that locks gives the next row each time: all work was claimed.
_CLAIM = """
UPDATE {table}
SET owner = $1, epoch = epoch + 1, attempts = attempts + 1,
    lease_until = clock_timestamp() + make_interval(secs => $2)
WHERE id = (
    SELECT q.id FROM {table} q
    WHERE q.finished_at IS NULL AND q.not_before <= clock_timestamp() AND q.lane <> ALL($3::text[])
      AND (q.lease_until IS NULL OR q.lease_until < clock_timestamp())
    ORDER BY (SELECT count(*) FROM {table} r
              WHERE r.lane = q.lane AND r.finished_at IS NULL AND r.lease_until >= clock_timestamp()), q.id
    LIMIT 1 FOR UPDATE OF q SKIP LOCKED)
RETURNING id, lane, epoch, attempts
"""
_RENEW = """
UPDATE {table} SET lease_until = clock_timestamp() + make_interval(secs => $3)
WHERE id = $1 AND epoch = $2 AND finished_at IS NULL
"""
_PUT_OFF = """
UPDATE {table} SET owner = NULL, lease_until = NULL, attempts = attempts - $4,
    not_before = clock_timestamp() + make_interval(secs => $3)
WHERE id = $1 AND epoch = $2 AND finished_at IS NULL
"""
_HOLD = "SELECT 1 FROM {table} WHERE id = $1 AND epoch = $2 AND finished_at IS NULL FOR UPDATE"
_FINISH = "UPDATE {table} SET finished_at = clock_timestamp(), owner = NULL, lease_until = NULL WHERE id = $1"
_AGAIN = """
UPDATE {table} SET finished_at = NULL, owner = NULL, lease_until = NULL, attempts = 0, epoch = epoch + 1,
    not_before = clock_timestamp()
WHERE id = $1
"""


class Desk:
    """Where the work of one table is claimed and given back."""

    def __init__(self, db: Database, table: type[Work], *, lease_s: float = LEASE_S) -> None:
        self._db = db
        self._owner = str(new_id())
        self._table = table.__tablename__
        self.lease_s = lease_s

    async def claim(self, full: Sequence[str] = ()) -> Lease | None:
        """The oldest work of the lane that has the fewest in hand, but of no `full` one; None when there is none."""
        async with self._db.connection() as connection:
            found = await connection.fetchrow(_of(self._table, _CLAIM), self._owner, self.lease_s, list(full))
        return None if found is None else Lease(found["id"], found["lane"], found["epoch"], found["attempts"])

    async def renew(self, lease: Lease) -> bool:
        """False when it is no longer ours."""
        async with self._db.connection() as connection:
            done = await connection.execute(_of(self._table, _RENEW), lease.id, lease.epoch, self.lease_s)
        return bool(done.endswith(" 1"))

    async def put_off(self, lease: Lease, seconds: float, *, forgiven: bool = False) -> bool:
        """Let anybody take it after a rest. `forgiven`: this attempt does not count. False when it is not ours."""
        async with self._db.connection() as connection:
            given = (lease.id, lease.epoch, seconds, int(forgiven))
            done = await connection.execute(_of(self._table, _PUT_OFF), *given)
        return bool(done.endswith(" 1"))


async def hold(tx: Tx, table: type[Work], lease: Lease) -> None:
    """Begin a transaction in which the work stays ours to its end. Raises Fenced when it is not."""
    await tx.begin()
    if await tx.connection.fetchval(_of(table.__tablename__, _HOLD), lease.id, lease.epoch) is None:
        raise Fenced


async def finish(tx: Tx, table: type[Work], id_: UUID) -> None:
    """The work is over, whoever holds it."""
    await tx.begin()
    await tx.connection.execute(_of(table.__tablename__, _FINISH), id_)


async def again(tx: Tx, table: type[Work], id_: UUID) -> None:
    """There is something to do once more; who holds it now is fenced."""
    await tx.begin()
    await tx.connection.execute(_of(table.__tablename__, _AGAIN), id_)


def _of(table: str, statement: str) -> str:
    return statement.replace("{table}", table)


class Crew:
    """The hands of one process: up to `most` pieces of work at once, and no lane has all of them."""

    def __init__(
        self, desk: Desk, do: Callable[[Lease], Awaitable[None]], *, most: int, wake: Wake, poll_s: float = POLL_S
    ) -> None:
        self._desk = desk
        self._do = do
        self._most = most
        self._wake = wake
        self._poll_s = poll_s
        self._rung = asyncio.Event()
        self._hands: dict[asyncio.Task[None], Lease] = {}

    async def run(self) -> None:
        """Runs until cancelled; what is in hand then is given back for others to take at once."""
        stop_listening = self._wake.listen(self._rung.set)
        try:
            while True:
                if not await self._take_one():
                    await self._rest()
        finally:
            stop_listening()
            for hand in self._hands:
                hand.cancel()
            await asyncio.gather(*self._hands, return_exceptions=True)

    async def _take_one(self) -> bool:
        if len(self._hands) >= self._most:
            return False
        try:
            lease = await self._claimed()
        except _TROUBLE as trouble:
            log.warning("work.waiting", error=type(trouble).__name__)
            return False
        if lease is None:
            return False
        hand = asyncio.create_task(self._work(lease))
        self._hands[hand] = lease
        hand.add_done_callback(self._is_free)
        return True

    async def _claimed(self) -> Lease | None:
        """A claim may take effect though we are stopped in it: we hear what it got, and give that back."""
        claiming = asyncio.ensure_future(self._desk.claim(self._full_lanes()))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with suppress(*_TROUBLE, Fenced):
                if (lease := await claiming) is not None:
                    await self._give_back(lease, 0.0, forgiven=True)
            raise

    def _full_lanes(self) -> list[str]:
        """Lanes that have as many hands as one lane may have: all but one, where there is more than one."""
        held = Counter(lease.lane for lease in self._hands.values())
        return [lane for lane, count in held.items() if count >= max(1, self._most - 1)]

    async def _rest(self) -> None:
        self._rung.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._poll_s):  # wait_for forgets a cancellation that meets the ringing
                await self._rung.wait()

    def _is_free(self, hand: asyncio.Task[None]) -> None:
        lease = self._hands.pop(hand)
        self._rung.set()
        failed = None if hand.cancelled() else hand.exception()
        if isinstance(failed, Fenced):
            log.warning("work.fenced", id=str(lease.id), epoch=lease.epoch)
        elif _is_away(failed):
            log.warning("work.waiting", id=str(lease.id), error=type(failed).__name__)
        elif failed is not None:
            log.error("work.failed", id=str(lease.id), attempts=lease.attempts, exc_info=failed)

    async def _work(self, lease: Lease) -> None:
        """Do it while the lease is renewed; what fails is tried again later, by whoever comes first."""
        doing = asyncio.ensure_future(self._do(lease))
        renewing = asyncio.create_task(self._keep(lease))
        try:
            await asyncio.wait({doing, renewing}, return_when=asyncio.FIRST_COMPLETED)
            is_done = doing.done()
        except asyncio.CancelledError:
            await _ended(doing, renewing)
            with suppress(Fenced):
                await self._give_back(lease, 0.0, forgiven=True)
            raise
        await _ended(doing, renewing)
        if not is_done:
            raise Fenced
        failed = doing.exception()
        if _is_away(failed):
            await self._give_back(lease, AWAY_S, forgiven=True)
        elif failed is not None and not isinstance(failed, Fenced):
            await self._give_back(lease, BACKOFF_S[min(lease.attempts, len(BACKOFF_S)) - 1])
        doing.result()

    async def _keep(self, lease: Lease) -> None:
        """Ends when the work is no longer ours."""
        while True:
            await asyncio.sleep(self._desk.lease_s / 3)
            with suppress(*_TROUBLE):
                if not await self._desk.renew(lease):
                    return

    async def _give_back(self, lease: Lease, rest_s: float, *, forgiven: bool = False) -> None:
        """When the database is away the lease runs out by itself. Raises Fenced when it is somebody else's by now."""
        with suppress(*_TROUBLE):
            if not await self._desk.put_off(lease, rest_s, forgiven=forgiven):
                raise Fenced


def _is_away(failed: BaseException | None) -> bool:
    """Whether something that the work needs is away, which says nothing about the work."""
    return isinstance(failed, (*ENDED_SESSION, Unavailable))


async def _ended(*tasks: asyncio.Future[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
