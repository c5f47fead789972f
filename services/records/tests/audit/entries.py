"""Audit entries as they come over the log."""

import itertools
from collections.abc import Mapping
from typing import Any

import orjson
from aiokafka import ConsumerRecord

from plantkit.ids import new_id
from takt_contracts.audit import AUDIT_RECORDED

_offsets = itertools.count(1)


def record_of(topic: str, key: str, headers: Mapping[str, str], payload: str) -> ConsumerRecord:
    """A record of the log as a relay would have sent it."""
    told = tuple((name, value.encode()) for name, value in headers.items())
    place = (topic, 0, next(_offsets))
    return ConsumerRecord(*place, 0, 0, key.encode(), payload.encode(), None, len(key), len(payload), told)


def entry(service: str = "operations", *, number: int = 1, id_: str | None = None, **said: Any) -> ConsumerRecord:
    """One entry of a service; `number` makes it differ from the others."""
    event, entry_id, event_id = AUDIT_RECORDED[service], str(new_id()), id_ or str(new_id())
    state = {
        "id": entry_id, "at": f"2026-03-02T06:30:{number % 60:02d}.000001Z", "actor": {"kind": "user", "id": "u-1"},
        "action": "operations.operation.reported", "outcome": "changed", "resource": "operation",
        "subject": f"WO-{number}/0010", "version": number + 1, "request_id": str(new_id()),
        "changes": {"qty_good": "1.5", "weight": 0.1, "größe": [1, None, True]}, **said,
    }  # fmt: skip
    headers = {
        "ce_specversion": "1.0", "ce_id": event_id, "ce_source": f"/plants/test/{service}", "ce_type": event.type,
        "ce_subject": entry_id, "ce_partitionkey": entry_id, "ce_time": "2026-03-02T06:30:00Z",
        "content-type": "application/json",
    }  # fmt: skip
    return record_of(event.topic, entry_id, headers, orjson.dumps({"version": 1, "state": state}).decode())
