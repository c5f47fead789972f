"""The outbox as the relay sees it: read what is pending in order, mark what the broker has acknowledged.

The relay never asks for rows "after" a position it remembers: ids and sequence values are handed out before commit,
so a slower transaction would be passed over. It asks for all that is pending, ordered by (aggregate, version), the
only order that follows commits. The keyset position below lives for one pass over the table and never longer.

What happened stands in `outbox`, which nobody changes; `outbox_pending` names what of it is not acknowledged, and a
mark takes names out of it (docs/adr/0024).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import asyncpg

PAGE = 2_000
PAGE_BYTES = (
    16_777_216  # a backlog of large events must not fill the memory: a page ends with the row that reaches this
)


class Position(NamedTuple):
    """Where a page ended, in the order of the index `outbox_pending_in_order`."""

    slot: int
    aggregatetype: str
    aggregateid: str
    version: int


START = Position(-1, "", "", 0)


class Row(NamedTuple):
    """The columns of `_READ`, by number: attribute names cost too much 20,000 times a second."""

    id: int = 0
    month: int = 1
    slot: int = 2
    aggregatetype: int = 3
    aggregateid: int = 4
    version: int = 5
    topic: int = 6
    key: int = 7
    headers: int = 8
    payload: int = 9
    blocked: int = 10


ROW = Row()


@dataclass(slots=True)
class Outcome:
    """What became of a page: rows the broker has, rows that cannot be published and why, and what stopped it, if
    anything.
    """

    delivered: list[asyncpg.Record] = field(default_factory=list)
    blocked: list[tuple[asyncpg.Record, str]] = field(default_factory=list)
    failure: Exception | None = None

    @property
    def slots(self) -> frozenset[int]:
        rows = [*self.delivered, *(row for row, _ in self.blocked)]
        return frozenset(row[ROW.slot] for row in rows)


class Reader(Protocol):
    """Strategy: which rows are sent next, in which order."""

    async def page(self, slots: Sequence[int], after: Position) -> Sequence[asyncpg.Record]: ...


class Marker(Protocol):
    """Strategy: how the outcome of a page is kept."""

    async def mark(self, epochs: Mapping[int, int], outcome: Outcome) -> frozenset[int]:
        """Keep it for the slots that are still held with these epochs. Answers the slots that are not: it is fenced
        there.
        """


# A look-up by key for each row, whatever the statistics say: they were taken when next to nothing was pending, and a
# LIMIT hides from the planner that a partition could be read along its key from end to end, too.
_READ = """
SELECT id, month, slot, aggregatetype, aggregateid, version, topic, convert_to(key, 'UTF8'), headers,
       convert_to(payload, 'UTF8'), blocked
FROM (
    SELECT first.*, told.*, sum(octet_length(told.payload)) OVER (
        ORDER BY slot, aggregatetype, aggregateid, version ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM (
        SELECT id, month, slot, aggregatetype, aggregateid, version, blocked FROM outbox_pending
        WHERE slot = ANY($1::smallint[])
          AND (slot, aggregatetype, aggregateid, version) > ($2::smallint, $3::text, $4::text, $5::bigint)
        ORDER BY slot, aggregatetype, aggregateid, version
        LIMIT $6
    ) AS first
    CROSS JOIN LATERAL (
        SELECT topic, key, headers, payload FROM outbox o WHERE o.id = first.id AND o.month = first.month LIMIT 1
    ) AS told
) AS page
WHERE before IS NULL OR before < $7
"""

# The page's own order, never a sort of a backlog: whatever the statistics say, the index is read forward.
READER_SESSION = {"enable_sort": "off", "enable_seqscan": "off", "enable_bitmapscan": "off"}
# Look-ups by primary key, whatever the statistics say: they were taken when next to nothing was pending.
# And a mark that a crash of the database forgets is a row sent once more, which inboxes drop: it waits for no disk.
MARKER_SESSION = {
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "plan_cache_mode": "force_generic_plan",
    "synchronous_commit": "off",
}

# Whoever takes a slot over changes its epoch: the lock waits for that, or that waits for the mark. The slot of a row is
# compared as another type, so that no index serves it: rows are looked up by id, not found among all that ever waited.
_MARK = """
WITH held AS MATERIALIZED (
    SELECT s.slot FROM relay_slots s
    JOIN unnest($1::smallint[], $2::bigint[]) AS mine (slot, epoch) ON mine.slot = s.slot AND mine.epoch = s.epoch
    FOR SHARE OF s
), marked AS (
    DELETE FROM outbox_pending WHERE id = ANY($3::uuid[]) AND slot::integer = ANY(ARRAY(SELECT slot::integer FROM held))
), blocked AS (
    UPDATE outbox_pending p SET blocked = why.reason FROM unnest($4::uuid[], $5::text[]) AS why (id, reason)
    WHERE p.id = why.id AND p.slot::integer = ANY(ARRAY(SELECT slot::integer FROM held))
)
SELECT slot FROM held
"""


class PendingReader:
    """Pending rows of the given slots, by (slot, aggregate, version), a page at a time."""

    def __init__(self, connection: asyncpg.Connection, limit: int = PAGE) -> None:
        self._connection = connection
        self._limit = limit

    async def page(self, slots: Sequence[int], after: Position) -> Sequence[asyncpg.Record]:
        rows: Sequence[asyncpg.Record] = await self._connection.fetch(_READ, slots, *after, self._limit, PAGE_BYTES)
        return rows


class FencedMarker:
    """Marks under a shared lock of the lease rows: whoever takes a slot over waits for the mark, or the mark finds it
    gone.
    """

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def mark(self, epochs: Mapping[int, int], outcome: Outcome) -> frozenset[int]:
        slots = outcome.slots
        mine = list(slots), [epochs[slot] for slot in slots]
        delivered = [row[ROW.id] for row in outcome.delivered]
        blocked = [row[ROW.id] for row, _ in outcome.blocked], [reason for _, reason in outcome.blocked]
        held = await self._connection.fetch(_MARK, *mine, delivered, *blocked)
        return slots - {record["slot"] for record in held}


def position_of(row: asyncpg.Record) -> Position:
    return Position(row[ROW.slot], row[ROW.aggregatetype], row[ROW.aggregateid], row[ROW.version])


def aggregate_of(row: asyncpg.Record) -> tuple[str, str]:
    """Type and id."""
    return row[ROW.aggregatetype], row[ROW.aggregateid]


def is_full(rows: Sequence[asyncpg.Record], limit: int) -> bool:
    """Whether a page ended because it was full; otherwise it was the last."""
    return len(rows) >= limit or sum(len(row[ROW.payload]) for row in rows) >= PAGE_BYTES
