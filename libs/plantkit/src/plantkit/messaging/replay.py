"""Tell the archives again to a broker that has lost its log: every version that was ever published, in order per key.

The outbox keeps what was told, so a lost log is a refill and not a loss. All slots of the services are taken first, and
their relays let go of what they have in hand; only then are the topics made. So nothing new comes before the old, and
what is committed meanwhile follows when the slots are free again. The slots stay taken until all is told: a replay that
was cut off is run again, and tells again.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import asyncpg

from plantkit import crash
from plantkit.messaging.connections import unhurried
from plantkit.messaging.leases import REPLAY, SlotsLost
from plantkit.messaging.outbox import PAGE, PAGE_BYTES, ROW, Outcome, Position
from plantkit.messaging.provision import ensure_topics, records_held
from plantkit.messaging.relay import open_kafka_publisher
from plantkit.messaging.resting import Resting
from plantkit.messaging.walk import Parts, walk_once
from plantkit.settings import LONGEST_LEASE_S, ServiceSettings
from takt_contracts import catalog

_SAY_EVERY_S = 2.0
_PAGES_AHEAD = 3
_BELOW_ALL = 2**40
"""Places of a lost log move below those of any other, so that a record of the new log never meets one of the old."""

_COUNT = "SELECT count(*) FROM outbox_published"
_PAGE = """
SELECT id, month, slot, aggregatetype, aggregateid, version, topic, convert_to(key, 'UTF8'), headers,
       convert_to(payload, 'UTF8'), NULL AS blocked
FROM (
    SELECT *, sum(octet_length(payload)) OVER (
        ORDER BY aggregatetype, aggregateid, version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM outbox_published
    WHERE (aggregatetype, aggregateid, version) > ($1::text, $2::text, $3::bigint)
    ORDER BY aggregatetype, aggregateid, version
    LIMIT $4
) AS page
WHERE before IS NULL OR before < $5
"""
# Month by month the unique index has this order already; a sort of the archive would not fit into memory.
_IN_ORDER = "SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off"
_ALONE = "SELECT pg_try_advisory_lock(hashtextextended('takt replay of ' || $1, 0))"
_IS_CUT_OFF = "SELECT EXISTS (SELECT FROM relay_slots WHERE owner = $1)"
_TAKE = "UPDATE relay_slots SET owner = $1, epoch = epoch + 1, expires_at = 'infinity' RETURNING slot, epoch"
_GIVE = "UPDATE relay_slots SET owner = NULL, expires_at = '-infinity' WHERE owner = $1"
_BUSY = """
SELECT count(*) FROM relay_members
WHERE seen_at <= $1 AND seen_at > clock_timestamp() - make_interval(secs => $2)
"""
_LOWER = (
    "UPDATE parked SET offset_ = offset_ - $2::bigint WHERE offset_ >= $1::bigint AND offset_ < $1::bigint + $2::bigint"
)
_PROGRESS = "UPDATE read_model_progress SET passed = 0"
_HAS_MODELS = "SELECT to_regclass('read_model_progress') IS NOT NULL"

Say = Callable[[str], None]


class ReplayRefused(Exception):
    """Nothing has changed. The text says why."""


@dataclass(slots=True)
class Archive:
    """One service's: how much there is, what has been told of it, and which aggregates could not be."""

    service: str
    events: int
    told: int = 0
    untold: dict[tuple[str, str], str] = field(default_factory=dict)


async def replay(
    services: Sequence[ServiceSettings],
    say: Say,
    *,
    copies: int = 1,
    topics: Mapping[str, catalog.Topic] | None = None,
) -> list[Archive]:
    """Raises ReplayRefused, and what broker or database raise; after the latter it is run again.

    The settings are of all services of one stack: their topics (those of the contracts) stand on one broker.
    """
    topics = catalog.topics() if topics is None else topics
    bootstrap = services[0].kafka_bootstrap
    async with AsyncExitStack() as stack:
        opened = [(one, await stack.enter_async_context(_alone(one))) for one in services]
        chosen = await _chosen(opened, await records_held(bootstrap, topics))
        since = [await _take_slots(connection) for _, connection in chosen]
        say("The relays let go of what they have in hand; this takes some seconds.")
        for (_, connection), taken_at in zip(chosen, since, strict=True):
            await _until_idle(connection, taken_at)
        crash.point("replay.before_topics")
        await ensure_topics(bootstrap, topics, replication=copies, min_insync=max(1, copies - 1))
        return [await _tell(settings, connection, say) for settings, connection in chosen]


Opened = tuple[ServiceSettings, asyncpg.Connection]


@asynccontextmanager
async def _alone(settings: ServiceSettings) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose session is the only replay of this service."""
    async with unhurried(settings) as connection:
        if not await connection.fetchval(_ALONE, settings.service):
            raise ReplayRefused("A replay runs already.")
        yield connection


async def _chosen(opened: Sequence[Opened], held: Mapping[str, int]) -> Sequence[Opened]:
    """All services where the broker holds nothing; else those whose replay was cut off. Raises ReplayRefused."""
    full = {topic: count for topic, count in held.items() if count}
    if not full:
        return opened
    cut_off = [one for one in opened if await one[1].fetchval(_IS_CUT_OFF, REPLAY)]
    if not cut_off:
        raise ReplayRefused(_in_words(full))
    return cut_off


def _in_words(full: Mapping[str, int]) -> str:
    largest = sorted(full, key=lambda topic: -full[topic])[:3]
    named = [f"{topic} holds {full[topic]} records" for topic in largest]
    others = [f"{len(full) - len(largest)} other topics hold some"] if len(full) > len(largest) else []
    return (
        f"The broker is not empty: {', '.join(named + others)}. A replay is for a broker that has lost its log; a read"
        " model is made again with `takt rebuild`."
    )


async def _take_slots(connection: asyncpg.Connection) -> datetime:
    """From here on the relays of this service tell nothing, and its groups begin at the beginning. Answers the time."""
    async with connection.transaction():
        await connection.fetch(_TAKE, REPLAY)
        await connection.execute("DELETE FROM joined_groups")
        await _forget_old_places(connection)
    taken_at: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return taken_at


async def _forget_old_places(connection: asyncpg.Connection) -> None:
    """Lowest first, so that what an earlier loss has moved makes room."""
    lowest = await connection.fetchval("SELECT coalesce(min(offset_), 0) FROM parked")
    for first in range(lowest // _BELOW_ALL * _BELOW_ALL, 1, _BELOW_ALL):
        await connection.execute(_LOWER, first, _BELOW_ALL)
    if await connection.fetchval(_HAS_MODELS):
        await connection.execute(_PROGRESS)


async def _until_idle(connection: asyncpg.Connection, since: datetime) -> None:
    """Until every relay that lives has been seen since: then it has closed its client and found its slots gone."""
    while await connection.fetchval(_BUSY, since, LONGEST_LEASE_S):  # noqa: ASYNC110  # only the database knows
        await asyncio.sleep(0.2)


async def _tell(settings: ServiceSettings, connection: asyncpg.Connection, say: Say) -> Archive:
    """The whole archive of one service, then its slots are free."""
    archive = Archive(settings.service, await connection.fetchval(_COUNT))
    say(f"{archive.service}: {archive.events} events to tell")
    leases = _EverySlot(await connection.fetch("SELECT slot, epoch FROM relay_slots WHERE owner = $1", REPLAY))
    await connection.execute(_IN_ORDER)
    publisher = await open_kafka_publisher(settings, False)
    try:
        made = (_Reader(connection), _Counter(archive, say), publisher, leases, Resting(0))
        await walk_once(Parts(settings.service, *made), page=PAGE, pages_ahead=_PAGES_AHEAD)
    finally:
        await publisher.close()
    await connection.execute(_GIVE, REPLAY)
    return archive


class _Reader:
    """Published rows by (aggregate, version), a page at a time, of all slots."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def page(self, slots: Sequence[int], after: Position) -> Sequence[asyncpg.Record]:
        rows: Sequence[asyncpg.Record] = await self._connection.fetch(_PAGE, *after[1:], PAGE, PAGE_BYTES)
        return rows


class _Counter:
    """Marks nothing, for all of it is marked; says how far it is."""

    def __init__(self, archive: Archive, say: Say) -> None:
        self._archive, self._say = archive, say
        self._said_at = time.monotonic()

    async def mark(self, epochs: Mapping[int, int], outcome: Outcome) -> frozenset[int]:
        self._archive.told += len(outcome.delivered)
        for row, reason in outcome.blocked:
            self._archive.untold[row[ROW.aggregatetype], row[ROW.aggregateid]] = reason
        if time.monotonic() - self._said_at > _SAY_EVERY_S:
            self._said_at = time.monotonic()
            self._say(f"{self._archive.service}: {self._archive.told} of {self._archive.events} events")
        crash.point("replay.after_page")
        return frozenset()


class _EverySlot:
    """Leases that nobody else takes while they are owned by `REPLAY`."""

    def __init__(self, taken: Sequence[asyncpg.Record]) -> None:
        self.held: Mapping[int, int] = MappingProxyType({row["slot"]: row["epoch"] for row in taken})
        self.is_above_share = False

    async def heartbeat(self) -> None:
        """They do not run out."""

    async def settle(self) -> None:
        """All of them stay until the end."""

    async def leave(self) -> None:
        """They are given back when everything is told."""

    def lose(self, slots: frozenset[int]) -> None:
        raise SlotsLost(f"Somebody else has taken {len(slots)} slots.")
