"""What a consumer has seen: event ids for 30 days, versions for ever. Both in the transaction of the effect.

The ids make a redelivery harmless; the versions make it harmless even when it comes after the ids were forgotten.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import asyncpg

from plantkit.errors import DomainError, Kind
from plantkit.messaging.records import Delivery

Deliveries = Sequence[Delivery[Any]]

# Both answer what is out of the ordinary alone: of an ordinary batch that is no row.
_TAKE = """
WITH incoming AS (SELECT * FROM unnest($2::text[], $3::text[]) AS told (source, event_id)),
fresh AS (
    INSERT INTO inbox (consumer, source, event_id) SELECT $1, source, event_id FROM incoming
    ON CONFLICT DO NOTHING
    RETURNING source, event_id
)
SELECT source, event_id FROM incoming EXCEPT SELECT source, event_id FROM fresh
"""
_RAISE = """
WITH incoming AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS told (topic, subject, expected, version)
),
raised AS (
    INSERT INTO versions_seen (consumer, aggregatetype, aggregateid, version)
    SELECT $1, topic, subject, version FROM incoming
    ON CONFLICT (consumer, aggregatetype, aggregateid) DO UPDATE SET version = excluded.version
    WHERE versions_seen.version < excluded.version
    RETURNING new.aggregatetype AS topic, new.aggregateid AS subject, coalesce(old.version, 0) AS seen
)
SELECT topic, subject, raised.seen FROM incoming LEFT JOIN raised USING (topic, subject)
WHERE raised.seen IS DISTINCT FROM expected
"""
_FORGET = """
DELETE FROM inbox WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM inbox WHERE received_at < clock_timestamp() - make_interval(days => $1) LIMIT $2))
"""
KEPT_DAYS = 30
_AT_ONCE = 5_000


class VersionGap(DomainError):
    """An event came before an earlier one of its subject, which the log has not delivered yet."""

    kind = Kind.CONFLICT
    code = "event.version-gap"
    cure = "Nothing while it waits. When it is parked, find out where the earlier event is; redrive this one after it."

    def __init__(self, *, subject: str, version: int, seen: int) -> None:
        super().__init__(
            f"Version {version} of {subject} came after version {seen}.", subject=subject, version=version, seen=seen
        )


class Filter(Protocol):
    """Strategy: which deliveries of a batch still have an effect to make."""

    async def fresh(self, connection: asyncpg.Connection, consumer: str, deliveries: Deliveries) -> Deliveries: ...


class Inbox:
    """Drops deliveries whose event id this consumer has taken before, and takes the others."""

    async def fresh(self, connection: asyncpg.Connection, consumer: str, deliveries: Deliveries) -> Deliveries:
        sources = [delivery.source for delivery in deliveries]
        ids = [delivery.id for delivery in deliveries]
        rows = await connection.fetch(_TAKE, consumer, sources, ids)
        names = set(zip(sources, ids, strict=True))
        if not rows and len(names) == len(deliveries):
            return deliveries
        new = names - {(source, id_) for source, id_ in rows}
        return [delivery for delivery in deliveries if _removed(new, (delivery.source, delivery.id))]


class VersionGuard:
    """Drops deliveries that are not newer than what this consumer has applied of the same subject, and remembers.

    Raises VersionGap where the log keeps every event and one is missing: applied too early, the later event would make
    the earlier one stale. A compacted topic has gaps by nature, there the newest state wins.
    """

    async def fresh(self, connection: asyncpg.Connection, consumer: str, deliveries: Deliveries) -> Deliveries:
        spans = _spans(deliveries)
        topics, subjects = [topic for topic, _ in spans], [subject for _, subject in spans]
        expected, highest = [span.expected for span in spans.values()], [span.highest for span in spans.values()]
        rows = await connection.fetch(_RAISE, consumer, topics, subjects, expected, highest)
        if not rows:
            return deliveries
        odd: dict[tuple[str, str], int | None] = {(topic, subject): seen for topic, subject, seen in rows}
        return [one for one in deliveries if (one.topic, one.subject) not in odd or _is_next(odd, one)]


class NoGuard:
    """For consumers whose own table has a version column and refuses the older one by itself."""

    async def fresh(self, connection: asyncpg.Connection, consumer: str, deliveries: Deliveries) -> Deliveries:
        return deliveries


async def forget_old(connection: asyncpg.Connection, days: int = KEPT_DAYS) -> int:
    """Delete ids that are older, in small transactions. Answers how many."""
    forgotten = 0
    while True:
        status: str = await connection.execute(_FORGET, days, _AT_ONCE)
        count = int(status.rpartition(" ")[2])
        forgotten += count
        if count < _AT_ONCE:
            return forgotten


def _removed(names: set[tuple[str, str]], name: tuple[str, str]) -> bool:
    """Whether it was there; a second delivery of the same event in one batch no longer finds it."""
    present = name in names
    names.discard(name)
    return present


@dataclass(slots=True)
class _Span:
    """Versions of one subject in a batch. `expected` is what was seen before them if they follow; -1: they do not."""

    expected: int
    highest: int


def _spans(deliveries: Deliveries) -> dict[tuple[str, str], _Span]:
    spans: dict[tuple[str, str], _Span] = {}
    for delivery in deliveries:
        subject, version = (delivery.topic, delivery.subject), delivery.version
        span = spans.get(subject)
        if span is None:
            spans[subject] = _Span(version - 1, version)
        elif version == span.highest + 1:
            span.highest = version
        else:
            span.expected, span.highest = -1, max(span.highest, version)
    return spans


def _is_next(seen: dict[tuple[str, str], int | None], delivery: Delivery[Any]) -> bool:
    subject = (delivery.topic, delivery.subject)
    version = seen[subject]
    if version is None or delivery.version <= version:
        return False
    if delivery.version > version + 1 and not delivery.event.compacted:
        raise VersionGap(subject=delivery.subject, version=delivery.version, seen=version)
    seen[subject] = delivery.version
    return True
