"""Content as one text: the same bytes for the same value in every language, so that a digest means something.

The form is JSON's canonicalization scheme (RFC 8785). It is defined for I-JSON (RFC 7493), where a number is what a
double can hold; content with other numbers is refused before it comes here, and so is what is above `LARGEST`: there
one reader sees an integer and another the double beside it.
"""

import hashlib
import json
from typing import Any, Final

LARGEST: Final = 2**53 - 1

_PLAIN_FROM, _PLAIN_TO = -7, 21  # powers of ten that ECMAScript writes without an exponent


def canonical(value: Any) -> str:
    """Names sorted as UTF-16, no blanks, numbers as ECMAScript writes them."""
    if isinstance(value, dict):
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
        return "{" + ",".join(f"{_text(name)}:{canonical(item)}" for name, item in members) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, float):
        return _number(value)
    return _text(value)


def digest_of(content: Any, salt: str) -> str:
    """sha256 over the salt and the canonical content, in hex. The content of a deletion is null.

    The salt is random for each version, because a digest is public and what few values are possible of, such as "fit
    for work", could be found by trying them.
    """
    return hashlib.sha256(f"{salt}{canonical(content)}".encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    """The shortest digits that read as the same double, placed as ECMAScript places the point."""
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    shown, _, power = f"{abs(value)!r}".partition("e")
    whole, _, fraction = shown.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    point = int(power or 0) + (len(whole) if whole != "0" else len(digits) - len(fraction))
    digits = digits.rstrip("0") or "0"
    return sign + _placed(digits, point)


def _placed(digits: str, point: int) -> str:
    """`digits` with the decimal point behind the first `point` of them."""
    if not _PLAIN_FROM < point - 1 < _PLAIN_TO:
        rest = f".{digits[1:]}" if digits[1:] else ""
        return f"{digits[0]}{rest}e{point - 1:+d}"
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"
