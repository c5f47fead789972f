"""JSON Schemas of what is on the wire, one for each event type."""

from typing import Any, Final

from takt_contracts.catalog import events
from takt_contracts.event import schema_id

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schemas() -> dict[str, dict[str, Any]]:
    """By event type. Open: readers let unknown members pass, because a schema may gain optional ones."""
    return {type_: schema(type_) for type_ in events()}


def schema(type_: str) -> dict[str, Any]:
    """Of the data of one event type, as it is written."""
    event = events()[type_]
    found = event.model_json_schema(mode="serialization")
    if "change" in found["properties"]:
        [fact] = [fact for fact in event.facts if event.type_of(fact) == type_]
        found["properties"]["change"] = {"const": fact, "type": "string"}
        found["$defs"].pop("Change")
    return {"$schema": DIALECT, "$id": schema_id(type_), **found, "title": type_}
