"""What a record may hold, who may edit it and what a patch makes of it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

import orjson
from jsonschema_rs import ValidationError, ValidationErrorKind

from plantkit.auth.principal import Principal
from plantkit.errors import KeyImmutable
from plantkit.http.json import pointer
from records.i_json import Path, mistakes, nodes, plain
from records.json_schema import compiled
from records.versions.errors import ContentRefused, IllegalTransition, NotItsCreator, ReasonMissing, Retained
from records.versions.merging import Document
from takt_contracts.problem import FieldError
from takt_contracts.records.canonical import canonical
from takt_contracts.records.records import LIFECYCLE, Lifecycle
from takt_contracts.roles import Role

LONGEST: Final = 131_072
_MOST_ERRORS: Final = 100
_AT: Final[Path] = ("content",)
# The library gathers every error at once, each with the value it is about: of a large value under a large schema only
# the first is asked for, or a request could fill the memory.
_MOST_CHECKS: Final = 20_000
_MOST_COPIED: Final = 4_000_000
_RANGES: Final = frozenset(
    {
        "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
        "minItems", "maxItems", "minProperties", "maxProperties",
    }
)  # fmt: skip


def checked(content: Mapping[str, Any], schema_text: str) -> str:
    """The content as it is stored. Raises ContentRefused with a pointer to each part that is wrong."""
    _refuse(mistakes(content, _AT))
    value = plain(content)
    text = canonical(value)
    if len(text.encode()) > LONGEST:
        _refuse([FieldError(pointer="/content", code="field.range", detail=f"Should have at most {LONGEST} bytes.")])
    schema = compiled(schema_text)
    if not schema.validator.is_valid(value):
        if schema.words * nodes(value) <= _MOST_CHECKS and schema.words * len(text) <= _MOST_COPIED:
            _refuse(error for one in schema.validator.iter_errors(value) for error in _said(one))
        _refuse(_said(_first(schema.validator, value)))
    return text


def revised(now: Document, given: Document, *, is_patch: bool, unseen: frozenset[str]) -> Document:
    """The document that an edit makes. Who replaces the content keeps the fields that they cannot see."""
    wanted = {**now, **given}
    if "content" in given and is_patch:
        wanted["content"] = patched(now["content"], given["content"])
    elif "content" in given:
        kept = {name: value for name, value in now["content"].items() if name in unseen}
        wanted["content"] = {**kept, **given["content"]}
    return wanted


def patched(content: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396): names with null go, objects are merged, all else is replaced."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(content) if isinstance(content, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = patched(merged.get(name), value)
    return merged


def refuse_strangers(principal: Principal, created_by: str) -> None:
    """Raises NotItsCreator."""
    if principal.id != created_by and Role.ADMIN not in principal.roles:
        raise NotItsCreator("Only its creator and administrators edit a record.")


def refuse_silence(reason: str | None, *, reason_required: bool) -> None:
    """Raises ReasonMissing."""
    if reason_required and reason is None:
        detail = "Records of this type are not changed without a reason."
        raise ReasonMissing(detail, errors=[FieldError(pointer="/reason", code="field.missing", detail=detail)])


def refuse_move(now: Lifecycle | None, wanted: Lifecycle) -> None:
    """Raises IllegalTransition."""
    if wanted not in LIFECYCLE[now]:
        what = "A new record is not" if now is None else f"A record that is {now} does not become"
        allowed = sorted(LIFECYCLE[now])
        raise IllegalTransition(f"{what} {wanted}.", lifecycle=now, allowed=allowed)


def key_of(names: Sequence[str], content: Mapping[str, Any]) -> str | None:
    """The business key as one text of one length, which tells nobody its values; None where the type has none."""
    if not names:
        return None
    return sha256(canonical([content[name] for name in names]).encode()).hexdigest()


def refuse_other_key(names: Sequence[str], now: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises KeyImmutable."""
    if moved := [name for name in names if canonical(now[name]) != canonical(wanted[name])]:
        detail = "The business key of a record never changes."
        errors = [FieldError(pointer=pointer(*_AT, name), code="field.immutable", detail=detail) for name in moved]
        raise KeyImmutable(detail, errors=errors)


def searched_of(names: Sequence[str], content: Mapping[str, Any]) -> str:
    """What lists filter by, as JSON: plain values only."""
    plain_ones = {name: content[name] for name in names if isinstance(content.get(name), str | int | float)}
    return orjson.dumps(plain_ones, option=orjson.OPT_SORT_KEYS).decode()


def refuse_early_deletion(created_at: datetime, days: int, now: datetime) -> None:
    """Raises Retained."""
    until = created_at + timedelta(days=days)
    if now < until:
        raise Retained(f"It is kept until {until:%Y-%m-%d}.", until=until.isoformat())


def number_of(tag: str | None) -> int:
    """The version that an ETag or a path names; 0, which none has, where it names none."""
    return int(tag) if tag is not None and tag.isascii() and tag.isdecimal() and len(tag) < 19 else 0


def _refuse(errors: Iterator[FieldError] | list[FieldError]) -> None:
    if found := list(errors)[:_MOST_ERRORS]:
        raise ContentRefused("The content does not obey the schema of its type, see `errors`.", errors=found)


def _first(validator: Any, value: Any) -> ValidationError:
    try:
        validator.validate(value)
    except ValidationError as wrong:
        return wrong
    raise AssertionError("it was not valid a moment ago")


def _said(wrong: ValidationError) -> Iterator[FieldError]:
    """One error for each field that is missing or unknown, at that field; else one at the value."""
    at, kind = (*_AT, *wrong.instance_path), wrong.kind
    if isinstance(kind, ValidationErrorKind.Required):
        yield FieldError(pointer=pointer(*at, kind.property), code="field.missing", detail="Is required.")
    elif isinstance(kind, ValidationErrorKind.AdditionalProperties):
        for name in kind.unexpected:
            yield FieldError(pointer=pointer(*at, name), code="field.unknown", detail="Is no field of this type.")
    elif isinstance(kind, ValidationErrorKind.FalseSchema):
        yield FieldError(pointer=pointer(*at), code="field.unknown", detail="Is not allowed here.")
    elif isinstance(kind, ValidationErrorKind.PropertyNames):
        yield FieldError(pointer=pointer(*at), code="field.unknown", detail="Has a name that is not allowed.")
    else:
        yield FieldError(pointer=pointer(*at), code=_code(kind.name), detail=wrong.message[:300])


def _code(word: str) -> str:
    if word == "type":
        return "field.type"
    return "field.range" if word in _RANGES else "field.value"
