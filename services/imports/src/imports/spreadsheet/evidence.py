"""What the other cells of a column say about one that could be read in two ways. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

_NUMBER: Final = re.compile(r"[+-]?[0-9][0-9.,'’ \u00a0\u2009\u202f]*")
_BLANK: Final = re.compile(r"(?<=[0-9])['’ \u00a0\u2009\u202f](?=[0-9]{3}(?![0-9]))")
SLASHED: Final = re.compile(r"([0-9]{1,2})([/-])([0-9]{1,2})\2([0-9]{4})(?![0-9])")


@dataclass(frozen=True, slots=True)
class Evidence:
    """`mark` is the decimal mark, `day_first` the order of slashed dates; None where nothing, or both, was seen."""

    mark: str | None = None
    day_first: bool | None = None


def gathered(cells: Iterable[Any]) -> Evidence:
    """What the texts among these cells decide."""
    texts = [cell.strip() for cell in cells if isinstance(cell, str)]
    marks = {mark for text in texts if (mark := decisive_mark(text))}
    orders = {first for text in texts if (first := decisive_order(text)) is not None}
    return Evidence(marks.pop() if len(marks) == 1 else None, orders.pop() if len(orders) == 1 else None)


def ungrouped(text: str) -> str:
    """Without blanks or apostrophes between groups of three digits."""
    return _BLANK.sub("", text)


def decisive_mark(text: str) -> str | None:
    """The decimal mark of a number that can be read in one way only; None also where it has none."""
    if not _NUMBER.fullmatch(text):
        return None
    number = ungrouped(text)
    dots, commas = number.count("."), number.count(",")
    if dots and commas:
        return "." if number.rindex(".") > number.rindex(",") else ","
    if dots + commas != 1:
        return {True: ",", False: "."}[dots > 1] if dots + commas > 1 else None
    mark = "." if dots else ","
    whole, _, part = number.lstrip("+-").partition(mark)
    if len(part) == 3 and len(whole) <= 3 and whole != "0":
        return None
    return mark


def decisive_order(text: str) -> bool | None:
    """Whether the day comes first in a slashed date; None where both numbers could be a month, or neither."""
    found = SLASHED.match(text)
    if found is None:
        return None
    first, second = int(found[1]), int(found[3])
    if (first > 12) == (second > 12):
        return None
    return first > 12
