"""One documented example of each event, made from the examples of its fields."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, Literal, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from takt_contracts.envelope import Envelope
from takt_contracts.event import Event, schema_id
from takt_contracts.resource import ResourceChanged, without_none

_MOMENT: Final = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
_ID: Final = "0195571f-8c4d-7a10-9b2e-3f4a5b6c7d8e"
_TRACEPARENT: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_BY_TYPE: Final[Mapping[type, Any]] = {str: "text", bool: False, int: 1, UUID: _ID}


def example_of(event: type[Event], fact: str) -> Event:
    """What it looks like when `fact` is told."""
    found = _model(event)
    found["state"] |= event.sample_of(fact)
    if issubclass(event, ResourceChanged):
        found["change"] = fact
    if fact == "archived":
        found["state"]["archived_at"] = found["state"]["updated_at"]
    return event.model_validate(found)


def envelope_of(event: Event) -> Envelope:
    """The envelope around an example."""
    return Envelope(
        id=_ID,
        source=f"/plants/demo/{event.service}",
        type=event.type,
        subject=event.subject,
        time=_MOMENT,
        dataschema=schema_id(event.type),
        recordedtime=_MOMENT,
        sequence=event.version,
        partitionkey=event.subject,
        correlationid=_ID,
        authtype="user",
        authid="operator-07",
        traceparent=_TRACEPARENT,
        dataref=event.dataref,
    )


def _model(model: type[BaseModel]) -> dict[str, Any]:
    return {name: _field(info) for name, info in model.model_fields.items()}


def _field(info: FieldInfo) -> Any:
    if info.examples:
        return info.examples[0]
    annotation, nullable = without_none(info.annotation)
    if nullable:
        examples = FieldInfo.from_annotation(annotation).examples
        return examples[0] if examples else None
    if not info.is_required():
        return info.get_default(call_default_factory=True, validated_data={})
    return _plain(annotation)


def _plain(annotation: Any) -> Any:
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if issubclass(annotation, BaseModel):
        return _model(annotation)
    return next(iter(annotation)) if issubclass(annotation, Enum) else _BY_TYPE[annotation]
