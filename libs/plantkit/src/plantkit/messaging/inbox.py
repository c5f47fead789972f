"""What a consumer has seen: event ids for 30 days, versions for ever. Both in the transaction of the effect.

The ids make a redelivery harmless; the versions make it harmless even when it comes after the ids were forgotten.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg

from plantkit.errors import DomainError, Kind
from plantkit.messaging.records import Delivery

Deliveries = Sequence[Delivery[Any]]

_TAKE = """
WITH fresh AS (
    INSERT INTO inbox (consumer, source, event_id)
    SELECT $1, source, event_id FROM unnest($2::text[], $3::text[]) AS incoming (source, event_id)
    ON CONFLICT DO NOTHING
    RETURNING source, event_id
)
SELECT source, event_id FROM fresh
"""
_RAISE = """
INSERT INTO versions_seen (consumer, aggregatetype, aggregateid, version)
SELECT $1, topic, subject, version
FROM unnest($2::text[], $3::text[], $4::bigint[]) AS incoming (topic, subject, version)
ON CONFLICT (consumer, aggregatetype, aggregateid) DO UPDATE SET version = excluded.version
WHERE versions_seen.version < excluded.version
RETURNING new.aggregatetype, new.aggregateid, coalesce(old.version, 0)
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
        taken = await connection.fetch(_TAKE, consumer, sources, ids)
        if len(taken) == len(deliveries):
            return deliveries
        new = {(source, id_) for source, id_ in taken}
        return [delivery for delivery in deliveries if _removed(new, (delivery.source, delivery.id))]


class VersionGuard:
    """Drops deliveries that are not newer than what this consumer has applied of the same subject, and remembers.

    Raises VersionGap where the log keeps every event and one is missing: applied too early, the later event would make
    the earlier one stale. A compacted topic has gaps by nature, there the newest state wins.
    """

    async def fresh(self, connection: asyncpg.Connection, consumer: str, deliveries: Deliveries) -> Deliveries:
        highest: dict[tuple[str, str], int] = {}
        for delivery in deliveries:
            subject, version = (delivery.topic, delivery.subject), delivery.version
            if version > highest.get(subject, 0):
                highest[subject] = version
        topics, subjects = [topic for topic, _ in highest], [subject for _, subject in highest]
        raised = await connection.fetch(_RAISE, consumer, topics, subjects, list(highest.values()))
        seen = {(topic, subject): version for topic, subject, version in raised}
        return [delivery for delivery in deliveries if _is_newer(seen, delivery)]


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


def _is_newer(seen: dict[tuple[str, str], int], delivery: Delivery[Any]) -> bool:
    subject = (delivery.topic, delivery.subject)
    version = seen.get(subject)
    if version is None or delivery.version <= version:
        return False
    if delivery.version > version + 1 and not delivery.event.compacted:
        raise VersionGap(subject=delivery.subject, version=delivery.version, seen=version)
    seen[subject] = delivery.version
    return True
