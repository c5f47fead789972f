"""Stands where records and the log stand: tells versions of process profiles."""

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any
from uuid import UUID

import orjson
import pytest
from aiokafka import ConsumerRecord
from fastapi import FastAPI

from operations.profiles.consumers import GROUP
from plantkit.auth.principal import SYSTEM
from plantkit.db.tx import Origin
from plantkit.ids import new_id
from plantkit.telling import outbox_row
from services.operations.tests.production.conftest import act, plan, plant
from takt_contracts.records.records import RecordCreated, RecordDeleted, RecordEvent, RecordRevised

__all__ = ["act", "plan", "plant"]
Deliver = Callable[..., Awaitable[None]]
LIMITS = (
    {"parameter": "CURRENT", "low": 180, "high": 220, "unit": "A", "required": True},
    {"parameter": "SPEED", "high": 0.5},
)
_OFFSETS = count(1)


def told(
    version: int,
    *limits: dict[str, Any],
    record: UUID | None = None,
    event: type[RecordEvent] | None = None,
    **said: Any,
) -> RecordEvent:
    """One version of a process profile, as records tells it; `LIMITS` where no limits are given."""
    content = {"profile_no": "WPS-1", "process": "135", "limits": list(limits or LIMITS)}
    state = {
        "id": record or new_id(), "record_type": "process-profile", "access_class": "general", "version": version,
        "digest": "5f" * 32, "schema_version": 1, "lifecycle": "final", "about": [], "content": content,
        "reason": "new", "salt": "a0" * 16, "created_by": "quality-02", "created_at": "2026-03-02T06:30:00Z",
        "updated_by": "quality-02", "updated_at": "2026-03-02T06:30:00Z",
    }  # fmt: skip
    made = event or (RecordCreated if version == 1 else RecordRevised)
    gone = {"content": None} if made is RecordDeleted else {}
    return made.model_validate({"version": version, "state": state | gone | said})


@pytest.fixture
def deliver(app: FastAPI) -> Deliver:
    """`await deliver(event, ...)`: one poll of the log, through inbox and parking."""
    [subscription] = [one for one in app.state.messaging.subscriptions if one.group == GROUP]
    context = app.state.context

    async def send(*events: RecordEvent) -> None:
        about: dict[str, Any] = {"now": context.clock(), "settings": context.settings, "principal": SYSTEM}
        rows = [outbox_row(one, origin=Origin(request_id="test"), **about) for one in events]
        await subscription.pipeline.consume([_record(row) for row in rows])

    return send


def _record(row: Any) -> ConsumerRecord:
    headers = tuple((name, value.encode()) for name, value in orjson.loads(row["headers"]).items())
    key, value = row["key"].encode(), row["payload"].encode()
    return ConsumerRecord(row["topic"], 0, next(_OFFSETS), -1, 0, key, value, None, len(key), len(value), headers)


@pytest.fixture
async def profile(deliver: Deliver) -> RecordEvent:
    """Version 1 of a profile: CURRENT is required from 180 to 220 A, SPEED is at most 0.5."""
    made = told(1)
    await deliver(made)
    return made
