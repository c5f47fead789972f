"""Read a JSON body strictly: what two readers could understand differently is refused, not guessed.

Numbers with a point or an exponent become Decimal. Nothing in here answers a 500.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal, DecimalException
from typing import Any, NoReturn

from plantkit.http.errors import DuplicateName, MalformedJson, NotUtf8, TooDeep, Unstorable
from takt_contracts.problem import FieldError

_DEEPEST = 32
_LONGEST_NUMBER = 64
_FOREIGN = re.compile("[\x00\ud800-\udfff]")
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def parse(body: bytes) -> Any:
    """The value of a body. Raises MalformedJson (400) or, for texts that nobody can store, Unstorable (422)."""
    text = _text(body)
    value = _value(text)
    if text.count("[") + text.count("{") > _DEEPEST:
        _refuse_depth(value)
    if _SUSPECT.search(text):
        _refuse_unstorable(value)
    return value


def canonical(value: Any) -> bytes:
    """The same bytes for the same value, however it was spelled: for digests, not for readers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str).encode("utf-8", "surrogatepass")


def pointer(*path: str | int) -> str:
    """A JSON Pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise NotUtf8(f"The body is not UTF-8 at byte {wrong.start}.") from None
    if text.startswith("\ufeff"):
        raise NotUtf8("The body starts with a byte order mark.")
    return text


def _value(text: str) -> Any:
    try:
        return json.loads(
            text,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as wrong:
        raise MalformedJson(f"The body is not JSON: {wrong.msg} at line {wrong.lineno} column {wrong.colno}.") from None
    except RecursionError:
        raise TooDeep(f"The body nests deeper than {_DEEPEST} levels.") from None


def _decimal(digits: str) -> Decimal:
    try:
        number = Decimal(_short(digits))
    except DecimalException:
        raise MalformedJson("A number of the body is out of any range.") from None
    if abs(number.adjusted()) > _LONGEST_NUMBER:
        raise MalformedJson("A number of the body is out of any range.")
    return number


def _integer(digits: str) -> int:
    return int(_short(digits))


def _short(digits: str) -> str:
    if len(digits) > _LONGEST_NUMBER:
        raise MalformedJson(f"A number of the body has more than {_LONGEST_NUMBER} characters.")
    return digits


def _no_constant(word: str) -> NoReturn:
    raise MalformedJson(f"{word} is not a JSON number.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
        raise DuplicateName(f"The name {_shown(twice)} comes twice in one object.")
    return found


def _refuse_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > _DEEPEST:
            raise TooDeep(f"The body nests deeper than {_DEEPEST} levels.")
        level = [child for parent in level for child in _children(parent)]


def _children(value: Any) -> list[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in inside if isinstance(child, (dict, list))]


def _refuse_unstorable(value: Any) -> None:
    errors = [
        FieldError(pointer=place, code="field.characters", detail="NUL and lone surrogates are not text.")
        for place in _foreign(value, ())
    ]
    if errors:
        raise Unstorable("A text of the body cannot be stored.", errors=errors)


def _foreign(value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    """Pointers to every text, value or name, with a character that is none."""
    if isinstance(value, str) and _FOREIGN.search(value):
        yield pointer(*path)
    elif isinstance(value, list):
        for number, child in enumerate(value):
            yield from _foreign(child, (*path, number))
    elif isinstance(value, dict):
        for name, child in value.items():
            if _FOREIGN.search(name):
                yield pointer(*path, _shown(name))
            yield from _foreign(child, (*path, _shown(name)))


def _shown(name: str) -> str:
    """A name that is safe to answer: short, and without the characters that are refused."""
    return _FOREIGN.sub("\N{REPLACEMENT CHARACTER}", name[:80])
