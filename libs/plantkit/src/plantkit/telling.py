"""From a recorded fact to the row of the outbox that tells it: envelope, topic, key and payload, complete."""

import zlib
from datetime import datetime
from typing import Any

import orjson

from plantkit.auth.principal import Principal
from plantkit.db.machinery import SLOTS
from plantkit.db.tx import Origin
from plantkit.errors import TooLargeEvent
from plantkit.ids import new_id
from plantkit.settings import ServiceSettings
from takt_contracts.envelope import Envelope
from takt_contracts.event import Event, schema_id

LARGEST_EVENT_BYTES = 900_000
"""Below the broker's limit of 1 MiB a record, with room for headers: a larger one would block its aggregate."""

_AUTH_TYPES = {"user": "app_user", "api_key": "api_key", "service": "service_account", "system": "system"}


def outbox_row(
    event: Event, *, principal: Principal, origin: Origin, now: datetime, settings: ServiceSettings
) -> dict[str, Any]:
    """Raises TooLargeEvent before anything is written."""
    payload = event.model_dump_json()
    if len(payload) * 4 > LARGEST_EVENT_BYTES and len(payload.encode()) > LARGEST_EVENT_BYTES:
        raise TooLargeEvent(f"The event would be larger than {LARGEST_EVENT_BYTES} bytes.")
    subject, id_ = event.subject, new_id()
    envelope = Envelope(
        id=str(id_),
        source=settings.source,
        type=event.type,
        subject=subject,
        time=now,
        dataschema=schema_id(event.type),
        dataref=event.dataref,
        recordedtime=now,
        sequence=event.version,
        partitionkey=subject,
        correlationid=origin.request_id,
        causationid=origin.causation_id,
        authtype=_AUTH_TYPES[principal.kind],
        authid=principal.id,
        traceparent=origin.traceparent,
    )
    return {
        "id": id_,
        "month": now.date().replace(day=1),
        "slot": slot_of(subject),
        "aggregatetype": event.entity,
        "aggregateid": subject,
        "version": event.version,
        "topic": event.topic,
        "key": subject,
        "type": event.type,
        "time": now,
        "headers": orjson.dumps(envelope.to_headers()).decode(),
        "payload": payload,
    }


def slot_of(subject: str) -> int:
    """Which relay slot an aggregate belongs to."""
    return zlib.crc32(subject.encode()) % SLOTS
