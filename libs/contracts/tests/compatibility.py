"""Whether a published schema may be replaced by another: it may gain optional fields, and nothing else.

Both ways must hold. What was written under the published schema is read under the proposed one, in which every field
is still known; what is written under the proposed one is read by those who know the published one. jsonsubschema judges
inclusion of plain schemas, which are open: there an added optional field looks like a narrowing. So the side that
writes is closed, and in the first direction the side that reads too, which makes a field that is gone visible.
"""

import warnings
from typing import Any

with warnings.catch_warnings():  # its own source has escapes that Python warns of when it is first compiled
    warnings.simplefilter("ignore")
    from jsonsubschema import isSubschema

Json = Any

_NOT_JUDGED = {"$schema", "$id", "$defs", "title", "description", "examples", "default"}


def breaks(published: Json, proposed: Json) -> list[str]:
    """What is wrong with the proposal; empty when it may be published."""
    old, new = _without_the_same(_plain(published), _plain(proposed))
    found = []
    if not isSubschema(_closed(old), _closed(new)):
        found.append(
            "the log holds what it does not read: a field is gone, narrower, of another type or newly required"
        )
    if not isSubschema(_closed(new), old):
        found.append("it writes what readers do not expect: a field is wider, or may be missing now")
    return found


def _without_the_same(old: Json, new: Json) -> tuple[Json, Json]:
    """Fields that are equal hold anything: they are no question, and judging them takes most of the time."""
    if old == new:
        return {}, {}
    if not (isinstance(old.get("properties"), dict) and isinstance(new.get("properties"), dict)):
        return old, new
    old, new = ({**node, "properties": {**node["properties"]}} for node in (old, new))
    for name in old["properties"].keys() & new["properties"].keys():
        pair = _without_the_same(old["properties"][name], new["properties"][name])
        old["properties"][name], new["properties"][name] = pair
    return old, new


def _plain(schema: Json) -> Json:
    return _inlined(schema, schema.get("$defs", {}))


def _inlined(node: Json, definitions: Json) -> Json:
    """Without references and words for people; field names are left alone."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inlined(definitions[node["$ref"].removeprefix("#/$defs/")], definitions)
    judged = {name: item for name, item in node.items() if name not in _NOT_JUDGED}
    if "const" in judged:  # the library knows drafts before it
        judged["enum"] = [judged.pop("const")]
    return _as_pair({name: _item(name, item, definitions) for name, item in judged.items()})


def _item(name: str, item: Json, definitions: Json) -> Json:
    if name == "properties":
        return {field: _inlined(schema, definitions) for field, schema in item.items()}
    return item if name in {"enum", "required"} else _inlined(item, definitions)


def _as_pair(node: Json) -> Json:
    """Text with its rule beside it: the library ignores `format`, and beside a `pattern` it ignores the length."""
    rule = {name: node[name] for name in ("pattern", "format") if name in node}
    if not rule:
        return node
    text = {name: item for name, item in node.items() if name not in rule}
    return {"type": "object", "properties": {"text": text, "rule": {"enum": [str(rule)]}}, "required": ["text", "rule"]}


def _closed(node: Json) -> Json:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    closed = {name: item if name in {"enum", "required"} else _closed(item) for name, item in node.items()}
    if isinstance(node.get("properties"), dict):
        closed |= {"properties": {field: _closed(item) for field, item in node["properties"].items()}}
        closed |= {"additionalProperties": False}
    return closed
