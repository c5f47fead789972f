"""Where a schema takes less than the one before it, for who is refused. Pure.

Whether it does is decided by comparing them whole (`rules`); here each field is asked alone, to name places.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema_rs.canonical import CanonicalizationError, Containment

from plantkit.http.json import pointer
from records.json_schema import Schema, form_of
from takt_contracts.problem import FieldError

_AT: Final = "content_schema"


def narrowed(before: Schema, after: Schema) -> list[FieldError]:
    """A pointer to each part that is narrower; to the schema itself where no part is by itself."""
    found = [*_required(before, after), *_properties(before, after)]
    return found or [_error("Is narrower than the present one, or cannot be proved not to be.")]


def _required(before: Schema, after: Schema) -> Iterator[FieldError]:
    for name in sorted(set(after.get("required", ())) - set(before.get("required", ()))):
        yield _error(f"{name} was not required before.", "required")


def _properties(before: Schema, after: Schema) -> Iterator[FieldError]:
    old, new = before.get("properties", {}), after.get("properties", {})
    for name in sorted({*old, *new}):
        if not _takes(_of(after, new, name), _of(before, old, name)):
            yield _error("Takes less than before.", "properties", name)


def _of(schema: Schema, properties: Mapping[str, Any], name: str) -> Schema:
    """What a value of this field has to obey, with the definitions that it may refer to."""
    own = properties.get(name, schema.get("additionalProperties", True))
    return {"allOf": [own], "$defs": schema.get("$defs", {})}


def _takes(after: Schema, before: Schema) -> bool:
    try:
        return bool(form_of(after).covers(form_of(before)) == Containment.YES)
    except CanonicalizationError:
        return before == after


def _error(detail: str, *at: str) -> FieldError:
    return FieldError(pointer=pointer(_AT, *at), code="field.narrower", detail=detail)
