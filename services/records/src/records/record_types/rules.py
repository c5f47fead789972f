"""What a schema may contain, so that checking content against it stays within bounds, and which may follow it. Pure.

Refused are unknown words (a misspelt one would check nothing), other dialects, references out of the schema or in
circles, words that look at a value again and again (`unevaluated...`), and what grows too large when every reference
is written out: the cost of a check is at most that size times the size of the content.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import orjson
from jsonschema_rs import ValidationError
from jsonschema_rs.canonical import CanonicalizationError, Containment

from plantkit.auth.principal import Principal
from plantkit.http.json import pointer
from records.access import may_read
from records.i_json import Path, mistakes, plain
from records.json_schema import (
    FOR_PEOPLE,
    LISTED,
    MOST_WORDS,
    NAMED,
    ONE,
    REFERENCE,
    Schema,
    bare,
    cases,
    compiled,
    form_of,
    parts,
    target,
    written_out,
)
from records.record_types.errors import CreatorsCannotRead, FieldUndeclared, SchemaIncompatible, SchemaRefused
from records.record_types.narrowing import narrowed
from takt_contracts.problem import FieldError
from takt_contracts.records.canonical import canonical
from takt_contracts.records.record_types import AccessClass
from takt_contracts.roles import Role

LONGEST: Final = 32_768
MOST_PATTERNS: Final = 50
MOST_CASES: Final = 64
"""Ways through the alternatives of a schema up to which two are compared: beyond, a comparison takes seconds."""
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FORMATS: Final = frozenset(
    {
        "date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uri-reference", "uuid",
        "json-pointer",
    }
)  # fmt: skip
_PLAIN: Final = frozenset(
    {
        "type", "enum", "const", "required", "minLength", "maxLength", "pattern", "format", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems", "maxItems", "uniqueItems", "minContains",
        "maxContains", "minProperties", "maxProperties", "dependentRequired", "$ref",
    }
)  # fmt: skip
_WORDS: Final = _PLAIN | FOR_PEOPLE | ONE | LISTED | NAMED
_AT: Final[Path] = ("content_schema",)


def checked(schema: Schema) -> str:
    """The schema as it is stored. Raises SchemaRefused with a pointer to each part that is wrong."""
    _refuse(mistakes(schema, _AT))
    kept = plain(schema)
    text = canonical(kept)
    if len(text.encode()) > LONGEST:
        _refuse([_error(_AT, f"Should have at most {LONGEST} bytes.", code="field.range")])
    _refuse(_wrong_words(kept))
    _refuse(_too_much(kept))
    try:
        compiled(text)
    except ValidationError as wrong:
        said = wrong.message.partition("\n")[0][:300]
        _refuse([_error((*_AT, *wrong.instance_path), f"Is not JSON Schema 2020-12: {said}")])
    return text


def refuse_incompatible(old: str, new: str) -> None:
    """Raises SchemaIncompatible unless everything that obeys `old` is proved to obey `new`."""
    before, after = bare(orjson.loads(old)), bare(orjson.loads(new))
    if before == after:
        return
    answer = _containment(before, after)
    if answer == Containment.YES:
        return
    said = "It cannot be proved that the new schema takes all that the present one takes."
    if answer == Containment.NO:
        said = "The new schema refuses content that the present one takes."
    simple = max(cases(before, before), cases(after, after)) <= MOST_CASES
    raise SchemaIncompatible(said, errors=narrowed(before, after) if simple else ())


def refuse_blind_creators(access_class: AccessClass, creators: tuple[Role, ...]) -> None:
    """Raises CreatorsCannotRead."""
    blind = [role for role in creators if not may_read(_somebody(role), access_class)]
    if blind:
        detail = f"{' and '.join(blind)} may not read records of class {access_class}."
        error = FieldError(pointer="/creators", code="field.rule", detail=detail)
        raise CreatorsCannotRead(detail, errors=[error])


def refuse_undeclared(
    schema: Schema, *, key: Sequence[str], searchable: Sequence[str], hidden: Collection[str]
) -> None:
    """Fields that a type names are properties of its schema; those of its key are required and nobody's secret."""
    declared, required = schema.get("properties", {}), schema.get("required", ())
    wrong = [
        *(("business_key", name, "a property") for name in key if name not in declared),
        *(("business_key", name, "required") for name in key if name not in required),
        *(("searchable", name, "a property") for name in searchable if name not in declared),
        *(("hidden_fields", name, "a property") for name in hidden if name not in declared),
        *(("hidden_fields", name, "neither key nor searchable") for name in hidden if name in {*key, *searchable}),
    ]
    if wrong:
        errors = [
            FieldError(pointer=f"/{field}", code="field.rule", detail=f"{name} should be {what}.")
            for field, name, what in wrong
        ]
        raise FieldUndeclared("The schema does not declare what the type names, see `errors`.", errors=errors)


def _containment(before: Schema, after: Schema) -> Containment:
    if max(cases(before, before), cases(after, after)) > MOST_CASES:
        return Containment.UNKNOWN
    try:
        return form_of(after).covers(form_of(before))
    except CanonicalizationError:
        return Containment.UNKNOWN


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
    for at, part in parts(schema, _AT):
        for word, value in part.items():
            if problem := _problem(word, value, is_root=at == _AT, root=schema):
                yield _error((*at, word), problem)


def _problem(word: str, value: Any, *, is_root: bool, root: Schema) -> str | None:
    """What is wrong with one word of a schema, beside what the dialect itself says."""
    if word not in _WORDS:
        return "Is no word of a schema here."
    if word == "$schema" and not (is_root and value == DIALECT):
        return f"Should be {DIALECT}, at the top only."
    if word == "$defs" and not is_root:
        return "Should be at the top only."
    if word == "format" and value not in FORMATS:
        return f"Should be one of {', '.join(sorted(FORMATS))}."
    if word == "$ref" and target(root, value) is None:
        return f"Should name a schema below {REFERENCE} of this one."
    return None


def _too_much(schema: Schema) -> Iterator[FieldError]:
    try:
        size = written_out(schema, schema)
    except RecursionError:
        yield _error(_AT, "Should not refer to itself.")
        return
    if size > MOST_WORDS:
        yield _error(_AT, f"Should have at most {MOST_WORDS} words and choices with every reference written out.")
    if _patterns(schema) > MOST_PATTERNS:
        yield _error(_AT, f"Should have at most {MOST_PATTERNS} patterns.")


def _patterns(schema: Schema) -> int:
    found = [part for _, part in parts(schema)]
    named = [part.get("patternProperties") for part in found]
    return sum("pattern" in part for part in found) + sum(len(one) for one in named if isinstance(one, dict))
