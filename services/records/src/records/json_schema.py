"""What both slices do with the schema of a record type: compile it once, within bounds. Pure.

The library matches patterns in linear time, as its `RegexOptions` engine knows no backtracking, and fetches nothing.
What a schema may contain is decided when it is registered (`record_types.rules`).
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import orjson
from jsonschema_rs import CanonicalSchema, Draft202012, Draft202012Validator, RegexOptions, canonicalize

_PATTERN_BYTES: Final = 100_000  # of one compiled pattern; more is a{1000}{1000}
_OPTIONS: Final[dict[str, Any]] = {
    "offline": True,
    "validate_formats": True,
    "pattern_options": RegexOptions(size_limit=_PATTERN_BYTES, dfa_size_limit=_PATTERN_BYTES),
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A schema that is ready to judge. Messages do not repeat the values that they are about."""

    schema: dict[str, Any]
    validator: Draft202012Validator


@lru_cache(maxsize=256)
def compiled(text: str) -> Compiled:
    """Of a schema as it is stored. Raises jsonschema_rs.ValidationError when it is none."""
    schema = orjson.loads(text)
    return Compiled(schema, Draft202012Validator(schema, mask="The value", ignore_unknown_formats=False, **_OPTIONS))


def form_of(text: str) -> CanonicalSchema:
    """The form in which two schemas can be compared."""
    return canonicalize(orjson.loads(text), draft=Draft202012, **_OPTIONS)
