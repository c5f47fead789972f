"""The log's AsyncAPI document, as it is and as a page that people can read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from takt_contracts import asyncapi, catalog
from takt_contracts.event import Event
from takt_contracts.examples import example_of


@dataclass(frozen=True)
class FieldLine:
    """One field of a payload, nested ones with dots."""

    name: str
    type: str
    about: str


@dataclass(frozen=True)
class MessageView:
    type: str
    about: str
    fields: tuple[FieldLine, ...]
    example: str


@dataclass(frozen=True)
class TopicView:
    name: str
    key: str
    partitions: int
    kept: str
    messages: tuple[MessageView, ...]


def body() -> bytes:
    """The document in JSON."""
    return orjson.dumps(asyncapi.document())


def topic_views() -> list[TopicView]:
    """Every topic with its events, for the page."""
    known = catalog.events()
    return [
        TopicView(
            name=topic.name,
            key="/".join(topic.key),
            partitions=topic.partitions,
            kept="the newest event of each key" if topic.compacted else "every event, for ever",
            messages=tuple(_message(type_, known[type_]) for type_ in topic.types),
        )
        for topic in catalog.topics().values()
    ]


def _message(type_: str, event: type[Event]) -> MessageView:
    schema = event.model_json_schema(mode="serialization")
    about = (event.__doc__ or "").strip().partition("\n")[0]
    example = example_of(event, fact_of(type_)).model_dump_json(indent=2)
    return MessageView(type_, about, tuple(_lines(schema, schema.get("$defs", {}), "")), example)


def fact_of(type_: str) -> str:
    """`started` of `takt.operations.operation.started.v1`."""
    return type_.split(".")[-2]


def _lines(schema: Mapping[str, Any], known: Mapping[str, Any], before: str) -> Iterator[FieldLine]:
    for name, part in schema.get("properties", {}).items():
        found = _resolved(part, known)
        yield FieldLine(before + name, _type(part, known), part.get("description") or _about(found))
        if found.get("properties"):
            yield from _lines(found, known, f"{before}{name}.")


def _resolved(part: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a field is, behind references and `or null`."""
    options = [one for one in part.get("anyOf", ()) if one.get("type") != "null"]
    if len(options) == 1:
        return _resolved(options[0], known)
    if "$ref" in part:
        found: Mapping[str, Any] = known[part["$ref"].rsplit("/", 1)[-1]]
        return found
    return part


def _about(found: Mapping[str, Any]) -> str:
    return "" if "properties" in found else str(found.get("description", "")).partition("\n")[0]


def _type(part: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    found = _resolved(part, known)
    optional = " or null" if any(one.get("type") == "null" for one in part.get("anyOf", ())) else ""
    if "enum" in found:
        return " | ".join(str(value) for value in found["enum"]) + optional
    if "const" in found:
        return str(found["const"]) + optional
    if found.get("type") == "array":
        return f"list of {_type(found.get('items', {}), known)}{optional}"
    return str(found.get("format") or found.get("type") or "any") + optional
