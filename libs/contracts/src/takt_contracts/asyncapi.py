"""The plant log as one AsyncAPI 3 document: every topic, every event with headers, key, payload and example."""

import json
from typing import Any, Final

from takt_contracts.catalog import Topic, events, topics
from takt_contracts.event import Event
from takt_contracts.examples import envelope_of, example_of
from takt_contracts.schemas import schemas

Json = dict[str, Any]

_BINDING: Final = "0.5.0"
_TEXT: Final = {"type": "string", "minLength": 1}
_MOMENT: Final = {"type": "string", "format": "date-time"}
_HEADERS: Final[Json] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": _TEXT | {"description": "UUIDv7. The same in every delivery of one event."},
    "ce_source": _TEXT | {"description": "/plants/<plant>/<service>. An event is known by source and id."},
    "ce_type": _TEXT,
    "ce_subject": _TEXT | {"description": "Business key, and key of the record."},
    "ce_time": _MOMENT | {"description": "When it happened."},
    "ce_dataschema": {"type": "string", "format": "uri"},
    "ce_dataref": _TEXT | {"description": "Where data lies that is not in the event."},
    "ce_recordedtime": _MOMENT | {"description": "When the log took it."},
    "ce_sequence": {
        "type": "string",
        "pattern": "^[0-9]{12}$",
        "description": "Version of the subject. The newest wins.",
    },
    "ce_partitionkey": _TEXT,
    "ce_correlationid": _TEXT | {"description": "Shared by everything that one request set off."},
    "ce_causationid": _TEXT | {"description": "Id of the event that this one follows from."},
    "ce_authtype": _TEXT | {"description": "Kind of who caused it."},
    "ce_authid": _TEXT | {"description": "Who caused it."},
    "ce_traceparent": _TEXT | {"description": "W3C Trace Context."},
    "content-type": {"const": "application/json"},
    "traceparent": _TEXT | {"description": "As ce_traceparent."},
}
_ALWAYS: Final = ("specversion", "id", "source", "type", "subject", "time", "sequence", "partitionkey")


def document() -> Json:
    """Plain data, in a stable order."""
    payloads, shared = hoisted(schemas())
    return {
        "asyncapi": "3.1.0",
        "info": {
            "title": "Takt plant log",
            "version": "1",
            "description": "Every change in the plant is a fact in this log: CloudEvents 1.0 in Kafka binary mode. "
            "Each event carries the full state after the change and its version; the newest version of a subject wins.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in topics().values()},
        "operations": {f"tell.{topic.name}": _operation(topic) for topic in topics().values()},
        "components": {
            "messages": {type_: _message(type_, event) for type_, event in events().items()},
            "schemas": {"Headers": _headers(), **shared, **payloads},
        },
    }


def _channel(topic: Topic) -> Json:
    config: Json = {"cleanup.policy": ["compact" if topic.compacted else "delete"]}
    if not topic.compacted:
        config["retention.ms"] = -1
    return {
        "address": topic.name,
        "description": f"Key: {'/'.join(topic.key)}. "
        + ("The newest event of each key is kept." if topic.compacted else "Every event is kept."),
        "messages": {type_: {"$ref": f"#/components/messages/{type_}"} for type_ in topic.types},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": config,
                "bindingVersion": _BINDING,
            }
        },
    }


def _operation(topic: Topic) -> Json:
    channel = f"#/channels/{topic.name}"
    return {
        "action": "send",
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{type_}"} for type_ in topic.types],
    }


def _message(type_: str, event: type[Event]) -> Json:
    fact = next(fact for fact in event.facts if event.type_of(fact) == type_)
    example = example_of(event, fact)
    key = {"type": "string", "description": "/".join(event.key), "examples": [example.subject]}
    return {
        "name": type_,
        "title": f"{event.entity} {fact}",
        "summary": (event.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{type_}"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": key, "bindingVersion": _BINDING}},
        "examples": [{"headers": envelope_of(example).to_headers(), "payload": example.model_dump(mode="json")}],
    }


def _headers() -> Json:
    required = [*(f"ce_{name}" for name in _ALWAYS), "content-type"]
    return {"type": "object", "properties": _HEADERS, "required": required, "additionalProperties": _TEXT}


def hoisted(found: dict[str, Json]) -> tuple[dict[str, Json], dict[str, Json]]:
    """Schemas with what they share taken out, so that a reader's generator makes one class of each."""
    shared: dict[str, Json] = {}
    for type_, schema in found.items():
        for name, definition in schema.pop("$defs", {}).items():
            if shared.setdefault(name, definition) != definition:
                raise TypeError(f"{type_}: another schema has a different {name}")
    return _moved(found), _moved(dict(sorted(shared.items())))


def _moved(found: dict[str, Json]) -> dict[str, Json]:
    text = json.dumps(found).replace('"#/$defs/', '"#/components/schemas/')
    moved: dict[str, Json] = json.loads(text)
    for schema in moved.values():
        schema.pop("$schema", None)
        schema.pop("$id", None)
    return moved
