"""Which slots of aggregates this relay owns: by lease, on the database's clock, with a number that grows with each
owner.

Every relay says every few seconds that it is alive. Its fair share is the slots divided by the living; it takes free
or expired slots up to that, and gives back what is above it. A lease whose renewal is late counts as lost here before
anybody else may take it, so a process that was stopped and wakes up sends nothing until the database has confirmed
its slots again. Who lost a slot lets go of all that it has in hand, its client to the broker too, and begins anew.
While a replay has the slots (`plantkit.messaging.replay`), no relay has a client that knew the log of before.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol

import asyncpg

from plantkit import crash
from plantkit.db.machinery import SLOTS
from plantkit.ids import new_id
from plantkit.messaging.metrics import RELAY_FENCED, RELAY_SLOTS_HELD
from plantkit.observability import logs

REPLAY = "replay"
"""Owner of all slots of a service while its archive is told again; its leases do not run out."""
log = logs.get(__name__)

_ALIVE = """
INSERT INTO relay_members (owner, seen_at) VALUES ($1, clock_timestamp())
ON CONFLICT (owner) DO UPDATE SET seen_at = excluded.seen_at
"""
_RENEW = """
UPDATE relay_slots SET expires_at = clock_timestamp() + make_interval(secs => $2)
WHERE owner = $1 RETURNING slot, epoch
"""
_LIVING = """
SELECT count(*) AS living, (SELECT count(*) FROM relay_slots WHERE owner = $2) AS replayed
FROM relay_members WHERE seen_at > clock_timestamp() - make_interval(secs => $1)
"""
# The choice is an array, which is computed once; as a table to join with it may be computed for each row (see `work`).
_TAKE = """
UPDATE relay_slots
SET owner = $1, epoch = epoch + 1, expires_at = clock_timestamp() + make_interval(secs => $2)
WHERE slot = ANY(ARRAY(
    SELECT slot FROM relay_slots WHERE owner IS NULL OR expires_at < clock_timestamp()
    ORDER BY slot LIMIT $3 FOR UPDATE SKIP LOCKED))
RETURNING slot, epoch
"""
_GIVE = """
UPDATE relay_slots SET owner = NULL, expires_at = '-infinity' WHERE owner = $1 AND slot = ANY($2::smallint[])
"""
_LEAVE = "DELETE FROM relay_members WHERE owner = $1"
_FORGET = "DELETE FROM relay_members WHERE seen_at < clock_timestamp() - make_interval(secs => $1)"


class SlotsLost(Exception):
    """Somebody else owns them now. Nothing that was on its way under the old lease may go on."""


class Leases(Protocol):
    """Strategy: which slots may be read now, and with which fencing number."""

    @property
    def held(self) -> Mapping[int, int]: ...
    @property
    def is_above_share(self) -> bool: ...
    async def heartbeat(self) -> None: ...
    async def settle(self) -> None: ...
    async def leave(self) -> None: ...
    def lose(self, slots: frozenset[int]) -> None: ...


class SlotLeases:
    """One relay's slots. `heartbeat` comes every third of the lease; `settle` between passes, when nothing is in
    flight.
    """

    def __init__(
        self,
        connection: asyncpg.Connection,
        service: str,
        *,
        owner: str | None = None,
        lease_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.owner = owner or str(new_id())
        self._connection = connection
        self._service = service
        self._lease_s = lease_s
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._held: dict[int, int] = {}
        self._sure_until = 0.0
        self._share = SLOTS

    @property
    def held(self) -> Mapping[int, int]:
        """Slot -> epoch, or nothing while the last confirmation is older than the lease."""
        sure = self._monotonic() < self._sure_until
        return MappingProxyType(self._held if sure else {})

    @property
    def is_above_share(self) -> bool:
        return len(self._held) > self._share

    async def heartbeat(self) -> None:
        """Renew what is held, learn how many relays live, and take what is free up to the fair share.

        Raises SlotsLost.
        """
        async with self._turn:
            asked_at = self._monotonic()
            renewed = await self._connection.fetch(_RENEW, self.owner, self._lease_s)
            self._keep({record["slot"]: record["epoch"] for record in renewed})
            await self._connection.execute(_ALIVE, self.owner)  # seen alive: nothing of a lost slot is in its hands
            await self._take_share()
            self._sure_until = asked_at + self._lease_s
        RELAY_SLOTS_HELD.labels(self._service).set(len(self._held))

    async def settle(self) -> None:
        """Give back what is above the fair share. Nothing of these slots may be in flight."""
        async with self._turn:
            extra = sorted(self._held)[self._share :]
            for slot in extra:
                del self._held[slot]
            if extra:
                await self._connection.execute(_GIVE, self.owner, extra)

    async def leave(self) -> None:
        """Give everything back at a clean stop, so that another relay need not wait for the leases to run out."""
        async with self._turn:
            slots, self._held = list(self._held), {}
            await self._connection.execute(_GIVE, self.owner, slots)
            await self._connection.execute(_LEAVE, self.owner)
            await self._connection.execute(_FORGET, 100 * self._lease_s)

    def lose(self, slots: frozenset[int]) -> None:
        """A mark was refused, or a renewal did not find them. Raises SlotsLost."""
        for slot in slots:
            self._held.pop(slot, None)
        RELAY_FENCED.labels(self._service).inc()
        log.warning("relay.fenced", service=self._service, slots=sorted(slots))
        crash.point("relay.after_lease_lost")
        raise SlotsLost(f"Somebody else has taken {len(slots)} slots.")

    async def _take_share(self) -> None:
        counted = await self._connection.fetchrow(_LIVING, self._lease_s, REPLAY)
        assert counted is not None
        if counted["replayed"]:
            raise SlotsLost("The archive is being told again; if `takt replay` was interrupted, run it again.")
        self._share = -(-SLOTS // max(1, counted["living"]))
        wanted = self._share - len(self._held)
        if wanted > 0:
            taken = await self._connection.fetch(_TAKE, self.owner, self._lease_s, wanted)
            self._held |= {record["slot"]: record["epoch"] for record in taken}

    def _keep(self, renewed: dict[int, int]) -> None:
        lost = frozenset(slot for slot, epoch in self._held.items() if renewed.get(slot) != epoch)
        if lost:
            self.lose(lost)
        self._held = renewed
