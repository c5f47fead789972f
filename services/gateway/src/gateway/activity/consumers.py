"""Keeps the newest state of every subject and the last events, from every topic that all may see."""

from collections.abc import Sequence
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any

from pydantic import BaseModel

from gateway.activity.model import MODEL
from gateway.visibility import is_restricted
from plantkit.db.tx import Tx
from plantkit.messaging.consumer import consumes
from plantkit.messaging.records import Delivery
from takt_contracts import catalog
from takt_contracts.event import Event

KEPT = 500
GROUP = "gateway.activity"
TOLD = tuple(event for event in catalog.event_classes() if not is_restricted(event.topic))

_NEWEST = """
INSERT INTO subjects AS known (entity, subject, version, type, state)
SELECT entity, subject, version, type, payload::jsonb -> 'state'
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
AS told (entity, subject, version, type, payload)
ON CONFLICT (entity, subject) DO UPDATE SET version = excluded.version, type = excluded.type, state = excluded.state
WHERE known.version < excluded.version
"""
_REMEMBER = """
INSERT INTO recent_events (entity, subject, version, type, event, time)
SELECT entity, subject, version, type, event::jsonb, time
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::timestamptz[])
AS told (entity, subject, version, type, event, time)
ON CONFLICT DO NOTHING
"""
# A transaction tells all its events at one time, so names and version decide too: in the same order here and in Python.
_FORGET = """
DELETE FROM recent_events USING (
    SELECT time, entity COLLATE "C" AS entity, subject COLLATE "C" AS subject, version FROM recent_events
    ORDER BY time DESC, 2 DESC, 3 DESC, version DESC OFFSET $1 LIMIT 1) AS first
WHERE (recent_events.time, recent_events.entity COLLATE "C", recent_events.subject COLLATE "C", recent_events.version)
   <= (first.time, first.entity, first.subject, first.version)
"""


class AnyState(BaseModel):
    """Some object. What it holds is not looked at here."""


class AnyEvent(Event):
    """As much of an event as is needed to keep it."""

    state: AnyState


@consumes(*TOLD, group=GROUP, keeps_version=True, model=MODEL, view=lambda _: AnyEvent)
async def keep_activity(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
    """One statement for the states, one for the events, one to forget.

    Delivered twice: both tables refuse the second. Late: an older version changes no state; it is
    listed among the last events where it belongs by its time, if it is one of them.
    """
    newest = {(one.topic, one.subject): one for one in sorted(deliveries, key=lambda one: one.version)}
    states = [one.payload.decode() for one in newest.values()]
    await tx.connection.execute(_NEWEST, *_columns(list(newest.values())), states)
    last = nlargest(KEPT, deliveries, key=_place)
    events = [one.envelope.to_json(one.payload.decode()) for one in last]
    await tx.connection.execute(_REMEMBER, *_columns(last), events, [_happened_at(one) for one in last])
    await tx.connection.execute(_FORGET, KEPT)


def _place(one: Delivery[Any]) -> tuple[datetime, str, str, int]:
    return _happened_at(one), one.topic, one.subject, one.version


def _happened_at(one: Delivery[Any]) -> datetime:
    """What the event says, or when the log took it. Read from the header alone, for it is asked of every event."""
    header = dict(one.record.headers).get("ce_time")
    try:
        return datetime.fromisoformat("" if header is None else header.decode()).astimezone(UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(one.record.timestamp / 1000, UTC)


def _columns(deliveries: Sequence[Delivery[Any]]) -> tuple[list[str], list[str], list[int], list[str]]:
    return (
        [one.topic for one in deliveries],
        [one.subject for one in deliveries],
        [one.version for one in deliveries],
        [one.type for one in deliveries],
    )
