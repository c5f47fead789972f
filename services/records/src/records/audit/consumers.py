"""What the chains are made of: the audit entries of every service, and the versions of records."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from plantkit.db.tx import Tx
from plantkit.messaging.consumer import consumes
from plantkit.messaging.records import Delivery
from records.audit import commands
from records.audit.links import VERSIONS, Arrival
from takt_contracts import catalog
from takt_contracts.records.records import PUBLIC, RecordEvent

_VERSIONS: Final = RecordEvent.topic
STREAMS: Final[Mapping[str, str]] = {
    **{event.topic: event.service for event in catalog.event_classes() if event.entity == "audit"},
    _VERSIONS: VERSIONS,
}
"""Which topic is kept in which stream."""
_TOLD = tuple(event for event in catalog.event_classes() if event.topic in STREAMS)


@consumes(*_TOLD, group="records.audit-chain", keeps_version=True)
async def keep_chains(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
    """Append each entry to the chain of its stream.

    Delivered twice: the chain knows the event's id, for ever. Late: the order of a stream is that of arrival.
    """
    for topic in sorted({one.topic for one in deliveries}):
        told = [one for one in deliveries if one.topic == topic]
        arrivals = [_version(one) if topic == _VERSIONS else _entry(one) for one in told]
        await commands.chain(tx, STREAMS[topic], arrivals)


def _entry(one: Delivery[Any]) -> Arrival:
    """As it was told, with what we do not know of it yet."""
    return Arrival(id=one.id, source=one.source, type=one.type, entry=orjson.loads(one.payload)["state"])


def _version(one: Delivery[Any]) -> Arrival:
    """What the log tells of a record of any class, and by whom: enough to prove the content, nothing of it."""
    said, state = one.envelope, one.event.state.model_dump(mode="json", include=set(PUBLIC))
    entry = {
        "at": _happened_at(one).isoformat(),
        "actor": {"kind": said.authtype, "id": said.authid},
        "action": one.type.removesuffix(".v1").partition(".")[2],
        "outcome": "version",
        "resource": "record",
        "subject": one.subject,
        "version": one.version,
        "request_id": said.correlationid,
        "record": state,
    }
    return Arrival(id=one.id, source=one.source, type=one.type, entry=entry)


def _happened_at(one: Delivery[Any]) -> datetime:
    """What the event says, or when the log took it."""
    return one.envelope.time or datetime.fromtimestamp(one.record.timestamp / 1000, UTC)
