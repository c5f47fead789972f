"""From a recorded fact to the row of the outbox that tells it: envelope, topic, key and payload, complete."""

import zlib
from datetime import datetime
from typing import Any

import orjson
import uuid_utils

from plantkit.auth.principal import Principal
from plantkit.db.machinery import SLOTS
from plantkit.db.tx import Origin
from plantkit.errors import TooLargeEvent
from plantkit.sealing import closed
from plantkit.settings import ServiceSettings
from takt_contracts.envelope import Envelope
from takt_contracts.event import Event, schema_id

LARGEST_EVENT_BYTES = 900_000
"""Below the broker's limit of 1 MiB a record, with room for headers: a larger one would block its aggregate."""

_AUTH_TYPES = {"user": "app_user", "api_key": "api_key", "service": "service_account", "system": "system"}


class Letterhead:
    """What events of one kind, told at once by one caller, have in common: written once, however many they are."""

    def __init__(
        self, event: Event, *, principal: Principal, origin: Origin, now: datetime, settings: ServiceSettings
    ) -> None:
        envelope = Envelope(
            id="",
            source=settings.source,
            type=event.type,
            time=now,
            dataschema=schema_id(event.type),
            recordedtime=now,
            correlationid=origin.request_id,
            authtype=_AUTH_TYPES[principal.kind],
            authid=principal.id,
            traceparent=origin.traceparent,
        )
        headers = envelope.to_headers()
        del headers["ce_id"]
        self._headers = orjson.dumps(headers).decode()[1:]
        self._cause = origin.causation_id
        self._secret = settings.consistency_secret.get_secret_value()
        self._common = {
            "month": now.date().replace(day=1),
            "aggregatetype": event.entity,
            "topic": event.topic,
            "type": event.type,
            "time": now,
        }

    def row(self, event: Event, cause: str | None = None) -> dict[str, Any]:
        """The row of one event. `cause` is what made this one happen. Raises TooLargeEvent."""
        subject, version, id_ = event.subject, event.version, uuid_utils.uuid7()
        return {
            **self._common,
            "id": id_,
            "slot": slot_of(subject),
            "aggregateid": subject,
            "version": version,
            "key": subject,
            "headers": self._written(str(id_), subject, event, cause or self._cause),
            "payload": _payload(closed(self._secret, event) if event.is_confidential else event),
        }

    def _written(self, id_: str, subject: str, event: Event, cause: str | None) -> str:
        key, place = _quoted(subject), event.dataref
        more = "" if cause is None else f'"ce_causationid":{_quoted(cause)},'
        if place is not None:
            more += f'"ce_dataref":{_quoted(place)},'
        own = f'"ce_id":"{id_}","ce_subject":{key},"ce_partitionkey":{key},"ce_sequence":"{event.version:012d}",{more}'
        return f"{{{own}{self._headers}"


def outbox_row(
    event: Event, *, principal: Principal, origin: Origin, now: datetime, settings: ServiceSettings
) -> dict[str, Any]:
    """Raises TooLargeEvent before anything is written."""
    return Letterhead(event, principal=principal, origin=origin, now=now, settings=settings).row(event)


def _payload(event: Event) -> str:
    payload = event.__pydantic_serializer__.to_json(event).decode()
    if len(payload) * 4 > LARGEST_EVENT_BYTES and len(payload.encode()) > LARGEST_EVENT_BYTES:
        raise TooLargeEvent(f"The event would be larger than {LARGEST_EVENT_BYTES} bytes.")
    return payload


def _quoted(text: str) -> str:
    return orjson.dumps(text).decode()


def slot_of(subject: str) -> int:
    """Which relay slot an aggregate belongs to."""
    return zlib.crc32(subject.encode()) % SLOTS
