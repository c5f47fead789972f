"""JSON that every reader reads alike (I-JSON, RFC 7493), as one text. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from plantkit.http.json import pointer
from takt_contracts.problem import FieldError
from takt_contracts.records.canonical import LARGEST

Path = tuple[str | int, ...]
_NUMBER = "Should be at most 2^53 - 1 and have no more digits than a double holds; send what needs more as a text."


def mistakes(value: Any, at: Path) -> Iterator[FieldError]:
    """A pointer to each number that two readers could read differently."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        if not _is_shared(value):
            yield FieldError(pointer=pointer(*at), code="field.precision", detail=_NUMBER)
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from mistakes(item, (*at, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from mistakes(item, (*at, place))


def plain(value: Any) -> Any:
    """With doubles for decimals, for which `mistakes` found nothing."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def nodes(value: Any) -> int:
    """How many values it holds, itself included."""
    inside: Sequence[Any] = ()
    if isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, list):
        inside = value
    return 1 + sum(map(nodes, inside))


def _is_shared(value: Decimal | int) -> bool:
    return -LARGEST <= value <= LARGEST and (isinstance(value, int) or Decimal(repr(float(value))) == value)
