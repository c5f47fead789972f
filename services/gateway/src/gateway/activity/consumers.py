"""Keeps the newest state of every subject and the last events, from every topic that all may see."""

from collections.abc import Sequence
from typing import Any

from gateway.visibility import is_restricted
from plantkit.db.tx import Tx
from plantkit.messaging.consumer import consumes
from plantkit.messaging.records import Delivery
from takt_contracts import catalog

KEPT = 1_000
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
INSERT INTO recent_events (entity, subject, version, type, event)
SELECT entity, subject, version, type, event::jsonb
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[])
AS told (entity, subject, version, type, event)
ON CONFLICT DO NOTHING
"""
_FORGET = "DELETE FROM recent_events WHERE no <= (SELECT max(no) FROM recent_events) - $1"


@consumes(*TOLD, group=GROUP, keeps_version=True)
async def keep_activity(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
    """One statement for the states, one for the events, one to forget.

    Delivered twice: the inbox drops the second, and both tables would. Late: an older version changes no state; it is
    still listed among the last events, where it arrived.
    """
    newest = {(one.topic, one.subject): one for one in sorted(deliveries, key=lambda one: one.version)}
    states = [one.payload.decode() for one in newest.values()]
    await tx.connection.execute(_NEWEST, *_columns(list(newest.values())), states)
    last = deliveries[-KEPT:]
    events = [one.envelope.to_json(one.payload.decode()) for one in last]
    await tx.connection.execute(_REMEMBER, *_columns(last), events)
    await tx.connection.execute(_FORGET, KEPT)


def _columns(deliveries: Sequence[Delivery[Any]]) -> tuple[list[str], list[str], list[int], list[str]]:
    return (
        [one.topic for one in deliveries],
        [one.subject for one in deliveries],
        [one.version for one in deliveries],
        [one.type for one in deliveries],
    )
