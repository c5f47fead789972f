"""What a schema may contain, so that checking content against it stays within bounds. Pure.

Refused are unknown words (a misspelt one would check nothing), other dialects, references out of the schema or in
circles, words that look at a value again and again (`unevaluated...`), and what grows too large when every reference
is written out: the cost of a check is at most that size times the size of the content.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema_rs import ValidationError
from jsonschema_rs.canonical import Containment

from plantkit.auth.principal import Principal
from plantkit.http.json import pointer
from records.access import may_read
from records.i_json import Path, mistakes, plain
from records.json_schema import compiled, form_of
from records.record_types.errors import CreatorsCannotRead, SchemaIncompatible, SchemaRefused
from takt_contracts.problem import FieldError
from takt_contracts.records.canonical import canonical
from takt_contracts.records.record_types import AccessClass
from takt_contracts.roles import Role

LONGEST: Final = 32_768
MOST_WORDS: Final = 1000
MOST_PATTERNS: Final = 50
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FORMATS: Final = frozenset(
    {
        "date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid",
        "json-pointer",
    }
)  # fmt: skip
_ONE: Final = frozenset({"items", "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames"})
_LISTED: Final = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED: Final = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs"})
_PLAIN: Final = frozenset(
    {
        "type", "enum", "const", "required", "minLength", "maxLength", "pattern", "format", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minContains",
        "maxContains", "minProperties", "maxProperties", "dependentRequired", "title", "description", "examples",
        "default", "deprecated", "readOnly", "writeOnly", "$comment", "$schema", "$ref",
    }
)  # fmt: skip
_REFERENCE: Final = "#/$defs/"
_AT: Final[Path] = ("content_schema",)
Schema = Mapping[str, Any]
Found = tuple[Path, Schema]


def checked(schema: Schema) -> str:
    """The schema as it is stored. Raises SchemaRefused with a pointer to each part that is wrong."""
    _refuse(mistakes(schema, _AT))
    text = canonical(plain(schema))
    if len(text.encode()) > LONGEST:
        _refuse([_error(_AT, f"Should have at most {LONGEST} bytes.", code="field.range")])
    _refuse(_wrong_words(plain(schema)))
    _refuse(_too_much(plain(schema)))
    try:
        compiled(text)
    except ValidationError as wrong:
        place = tuple(wrong.instance_path)
        _refuse([_error((*_AT, *place), f"Is not JSON Schema 2020-12: {wrong.message.partition(chr(10))[0][:300]}")])
    return text


def refuse_incompatible(old: str, new: str) -> None:
    """Raises SchemaIncompatible unless everything that obeys `old` is proved to obey `new`."""
    answer = form_of(new).covers(form_of(old))
    if answer == Containment.NO:
        raise SchemaIncompatible("The new schema refuses content that the present one takes.")
    if answer != Containment.YES:
        raise SchemaIncompatible("It cannot be proved that the new schema takes all that the present one takes.")


def refuse_blind_creators(access_class: AccessClass, creators: tuple[Role, ...]) -> None:
    """Raises CreatorsCannotRead."""
    blind = [role for role in creators if not may_read(_somebody(role), access_class)]
    if blind:
        detail = f"{' and '.join(blind)} may not read records of class {access_class}."
        error = FieldError(pointer="/creators", code="field.rule", detail=detail)
        raise CreatorsCannotRead(detail, errors=[error])


def _somebody(role: Role) -> Principal:
    return Principal(id="", kind="user", roles=frozenset({role}), name="")


def _refuse(errors: Iterator[FieldError] | list[FieldError]) -> None:
    if found := list(errors)[:100]:
        raise SchemaRefused("The schema cannot be used, see `errors`.", errors=found)


def _error(at: Path, detail: str, *, code: str = "field.value") -> FieldError:
    return FieldError(pointer=pointer(*at), code=code, detail=detail)


def _wrong_words(schema: Schema) -> Iterator[FieldError]:
    if schema.get("type") != "object":
        yield _error((*_AT, "type"), "Should be `object`: the content of a record is one.")
    for at, part in _parts(schema, _AT):
        for word, value in part.items():
            if problem := _problem(word, value, is_root=at == _AT, root=schema):
                yield _error((*at, word), problem)


def _problem(word: str, value: Any, *, is_root: bool, root: Schema) -> str | None:
    """What is wrong with one word of a schema, beside what the dialect itself says."""
    if word not in _PLAIN | _ONE | _LISTED | _NAMED:
        return "Is no word of a schema here."
    if word == "$schema" and not (is_root and value == DIALECT):
        return f"Should be {DIALECT}, at the top only."
    if word == "$defs" and not is_root:
        return "Should be at the top only."
    if word == "format" and value not in FORMATS:
        return f"Should be one of {', '.join(sorted(FORMATS))}."
    if word == "$ref" and _target(root, value) is None:
        return f"Should name a schema below {_REFERENCE} of this one."
    return None


def _too_much(schema: Schema) -> Iterator[FieldError]:
    try:
        size = _written_out(schema, schema, ())
    except RecursionError:
        yield _error(_AT, "Should not refer to itself.")
        return
    if size > MOST_WORDS:
        yield _error(_AT, f"Should have at most {MOST_WORDS} words and choices with every reference written out.")
    if _patterns(schema) > MOST_PATTERNS:
        yield _error(_AT, f"Should have at most {MOST_PATTERNS} patterns.")


def _written_out(schema: Any, root: Schema, within: tuple[str, ...]) -> int:
    """How many words and choices it has with every reference written out. Raises RecursionError for a circle.

    Stops counting soon after the limit, because a few references can stand for a million words.
    """
    if not isinstance(schema, Mapping):
        return 1
    size = sum(1 + (len(value) if isinstance(value, list) else 0) for value in schema.values())
    for _, part in _inside(schema, ()):
        size += _written_out(part, root, within)
        if size > MOST_WORDS:
            return size
    name = schema.get("$ref")
    if isinstance(name, str):
        if name in within:
            raise RecursionError
        size += _written_out(_target(root, name), root, (*within, name))
    return size


def _target(root: Schema, name: Any) -> Schema | bool | None:
    """What a reference names; None when it leads nowhere that is allowed."""
    definitions = root.get("$defs")
    if not (isinstance(name, str) and name.startswith(_REFERENCE) and isinstance(definitions, Mapping)):
        return None
    found = definitions.get(name.removeprefix(_REFERENCE))
    return found if isinstance(found, Mapping | bool) else None


def _patterns(schema: Schema) -> int:
    parts = [part for _, part in _parts(schema, ())]
    named = [part.get("patternProperties") for part in parts]
    return sum("pattern" in part for part in parts) + sum(len(found) for found in named if isinstance(found, Mapping))


def _parts(schema: Any, at: Path) -> Iterator[Found]:
    """The schema and every one inside it, with its path. What the dialect does not allow there is left to it."""
    if isinstance(schema, Mapping):
        yield at, schema
        for place, part in _inside(schema, at):
            yield from _parts(part, place)


def _inside(schema: Schema, at: Path) -> Iterator[tuple[Path, Any]]:
    for word, value in schema.items():
        if word in _ONE:
            yield (*at, word), value
        elif word in _LISTED and isinstance(value, list):
            yield from (((*at, word, place), part) for place, part in enumerate(value))
        elif word in _NAMED and isinstance(value, Mapping):
            yield from (((*at, word, name), part) for name, part in value.items())
