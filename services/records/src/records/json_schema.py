"""JSON Schemas of record types: how they are built, how large they are, and the check that they stand for. Pure.

The library matches patterns in linear time, as its `RegexOptions` engine knows no backtracking, and fetches nothing.
What a schema may contain is decided when it is registered (`record_types.rules`); the measures here trust that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any, Final

import orjson
from jsonschema_rs import CanonicalSchema, Draft202012, Draft202012Validator, RegexOptions, canonicalize

from records.i_json import Path

Schema = Mapping[str, Any]
REFERENCE: Final = "#/$defs/"
MOST_WORDS: Final = 1000
ONE: Final = frozenset({"items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames"})
LISTED: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
FOR_PEOPLE: Final = frozenset(
    {"title", "description", "examples", "default", "deprecated", "readOnly", "writeOnly", "$comment", "$schema"}
)
_PATTERN_BYTES: Final = 100_000  # of one compiled pattern; more is a{1000}{1000}
_OPTIONS: Final[dict[str, Any]] = {
    "offline": True,
    "validate_formats": True,
    "pattern_options": RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES),
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A schema that is ready to judge. Messages do not repeat the values that they are about."""

    validator: Draft202012Validator
    words: int


@lru_cache(maxsize=256)
def compiled(text: str) -> Compiled:
    """Of a schema as it is stored. Raises jsonschema_rs.ValidationError when it is none."""
    schema = orjson.loads(text)
    validator = Draft202012Validator(schema, mask="The value", ignore_unknown_formats=False, **_OPTIONS)
    return Compiled(validator, written_out(schema, schema))


def form_of(schema: Schema) -> CanonicalSchema:
    """The form in which two schemas can be compared."""
    return canonicalize(dict(schema), draft=Draft202012, **_OPTIONS)


def parts(schema: Any, at: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """The schema and every one inside it, with its path. What the dialect does not allow there is left to it."""
    if isinstance(schema, Mapping):
        yield at, schema
        for place, part in inside(schema, at):
            yield from parts(part, place)


def inside(schema: Schema, at: Path = ()) -> Iterator[tuple[Path, Any]]:
    """The schemas that one consists of, one level down."""
    for word, value in schema.items():
        if word in ONE:
            yield (*at, word), value
        elif word in LISTED and isinstance(value, list):
            yield from (((*at, word, place), part) for place, part in enumerate(value))
        elif word in NAMED and isinstance(value, Mapping):
            yield from (((*at, word, name), part) for name, part in value.items())


def target(root: Schema, name: Any) -> Schema | bool | None:
    """What a reference names; None when it leads nowhere that is allowed."""
    definitions = root.get("$defs")
    if not (isinstance(name, str) and name.startswith(REFERENCE) and isinstance(definitions, Mapping)):
        return None
    found = definitions.get(name.removeprefix(REFERENCE))
    return found if isinstance(found, Mapping | bool) else None


def written_out(schema: Any, root: Schema, within: tuple[str, ...] = ()) -> int:
    """How many words and choices it has with every reference written out. Raises RecursionError for a circle.

    Stops counting soon after the limit, because a few references can stand for a million words.
    """
    if not isinstance(schema, Mapping):
        return 1
    size = sum(1 + (len(value) if isinstance(value, list) else 0) for value in schema.values())
    for _, part in inside(schema):
        size += written_out(part, root, within)
        if size > MOST_WORDS:
            return size
    name = schema.get("$ref")
    if isinstance(name, str):
        if name in within:
            raise RecursionError
        size += written_out(target(root, name), root, (*within, name))
    return size


def bare(schema: Any) -> Any:
    """Without what it says to people only."""
    if not isinstance(schema, Mapping):
        return schema
    said: dict[str, Any] = {}
    for word, value in schema.items():
        if word in ONE:
            said[word] = bare(value)
        elif word in LISTED:
            said[word] = [bare(part) for part in value]
        elif word in NAMED:
            said[word] = {name: bare(part) for name, part in value.items()}
        elif word not in FOR_PEOPLE:
            said[word] = value
    return said


def cases(schema: Any, root: Schema, *, chosen: bool = False) -> int:
    """How many ways through its alternatives there are, as a comparison would have to walk them all.

    Alternatives of different fields do not multiply, unless the fields are part of one themselves (`chosen`).
    """
    if not isinstance(schema, Mapping):
        return 1
    own = prod(_ways(word, value, root) for word, value in schema.items())
    deeper = chosen or own > 1
    below = [cases(part, root, chosen=deeper) for part in _places(schema)]
    return own * prod(below) if deeper else max([own, *below])


def _ways(word: str, value: Any, root: Schema) -> int:
    found = 1
    match word:
        case "anyOf" | "oneOf":
            found = sum(cases(part, root, chosen=True) for part in value)
        case "allOf":
            found = prod(cases(part, root, chosen=True) for part in value)
        case "if" | "not" | "contains":
            found = 1 + cases(value, root, chosen=True)
        case "then" | "else":
            found = cases(value, root, chosen=True)
        case "dependentSchemas":
            found = prod(1 + cases(part, root, chosen=True) for part in value.values())
        case "dependentRequired":
            found = 2 ** len(value)
        case "$ref":
            found = cases(target(root, value), root)
    return found


def _places(schema: Schema) -> Iterator[Any]:
    """Schemas of other places than the value itself: its fields and items."""
    for word in ("items", "additionalProperties", "propertyNames"):
        yield schema.get(word, True)
    yield from schema.get("prefixItems", ())
    for word in ("properties", "patternProperties"):
        yield from schema.get(word, {}).values()
