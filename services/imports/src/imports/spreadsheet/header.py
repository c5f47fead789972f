"""Find the header of a table and say which column fills which field. Pure."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from takt_contracts.imports.jobs import MappedColumn, Reason, Suggestion
from takt_contracts.template import ImportTemplate

SURE: Final = 0.75
CLEARLY: Final = 0.1
_LIKELY: Final = 0.3
_SUGGESTED: Final = 3
_SAID: Final = 20

Cells = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A row taken as the header for one template. `guessed`: the name column had to stand in for the key."""

    template: ImportTemplate
    row: int
    columns: tuple[MappedColumn, ...]
    twice: tuple[str, ...]
    guessed: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column.field for column in self.columns if column.field))

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(field for field in self.template.key if field not in self.fields)

    @property
    def score(self) -> float:
        """From 0 to 1: columns that are recognised, key fields and required fields that are there."""
        required = [column.field for column in self.template.columns if column.required]
        known = sum(column.field is not None for column in self.columns) / max(1, len(self.columns))
        keyed = 1 - len(self.missing) / len(self.template.key)
        there = sum(field in self.fields for field in required) / max(1, len(required))
        return round((0.4 * known + 0.3 * keyed + 0.3 * there) * (0.6 if self.guessed else 1), 2)

    @property
    def is_sure(self) -> bool:
        return self.score >= SURE and not self.missing and not self.twice and not self.guessed

    @property
    def suggestion(self) -> Suggestion:
        return Suggestion(target=self.template.target, score=self.score, columns=self.columns)


def find(rows: Sequence[Cells], template: ImportTemplate) -> Found | None:
    """The row with the most columns that the template knows; the first of several. None where no row has any."""
    best: Found | None = None
    for number, cells in enumerate(rows, 1):
        found = match(number, cells, template)
        if found.fields and (best is None or _rank(found) > _rank(best)):
            best = found
    return None if best is None else _with_identifier(best)


def match(number: int, cells: Cells, template: ImportTemplate) -> Found:
    """This row as the header, whether it looks like one or not."""
    names = _names(template)
    columns = [
        MappedColumn(column=at, letter=letters(at), header=text[:200], **_named(names, text))
        for at, text in _texts(cells)
    ]
    headers = Counter(normal(column.header) for column in columns if column.field)
    twice = tuple(column.header for column in columns if headers[normal(column.header)] > 1)
    return Found(template, number, tuple(_best_only(columns, names)), tuple(dict.fromkeys(twice)))


def suggestions(found: Sequence[Found]) -> tuple[Suggestion, ...]:
    """The templates that fit, best first; none is left out that fits as well as one that is shown."""
    likely = sorted((one for one in found if one.score >= _LIKELY), key=lambda one: -one.score)
    return tuple(one.suggestion for one in likely if one.score >= likely[:_SUGGESTED][-1].score)


def sure(found: Sequence[Found]) -> Found | None:
    """The one template that fits, where one does and no other comes near."""
    ordered = sorted(found, key=lambda one: -one.score)
    if not ordered or not ordered[0].is_sure:
        return None
    near = len(ordered) > 1 and ordered[1].score > ordered[0].score - CLEARLY
    return None if near else ordered[0]


def widest(rows: Sequence[Cells]) -> int:
    """The row that looks most like a header where no template knows one: the most texts and nothing else. 0: none."""
    best, most = 0, 0
    for number, cells in enumerate(rows, 1):
        texts = sum(isinstance(cell, str) and bool(cell.strip()) for cell in cells)
        others = sum(not isinstance(cell, str) for cell in cells)
        if texts > most and not others:
            best, most = number, texts
    return best


def unknown(columns: Sequence[MappedColumn]) -> tuple[Reason, ...]:
    """A warning for each column that is not read."""
    unread = [column for column in columns if column.field is None]
    return tuple(
        Reason(code="column.unknown", detail=f"Column {column.letter} ({column.header}) is not read.")
        for column in unread[:_SAID]
    )


def letters(column: int) -> str:
    """1 is A, 27 is AA."""
    text = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text


def normal(text: str) -> str:
    """Letters and digits only, in one case: `Order No.` and `order_no` are the same header."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _names(template: ImportTemplate) -> Mapping[str, tuple[str, str, int]]:
    """Field, how it is known and how well, by normalised header. Titles beat field names, those beat synonyms."""
    found: dict[str, tuple[str, str, int]] = {}
    for column in template.columns:
        found.setdefault(normal(column.title), (column.field, "title", 0))
    for column in template.columns:
        found.setdefault(normal(column.field), (column.field, "field", 1))
    for column in template.columns:
        for rank, synonym in enumerate(column.synonyms, 2):
            found.setdefault(normal(synonym), (column.field, "synonym", rank))
    return found


def _named(names: Mapping[str, tuple[str, str, int]], text: str) -> dict[str, str | None]:
    """The field of a header; a unit or remark in brackets after it is left aside."""
    known = names.get(normal(text)) or names.get(normal(re.sub(r"[(\[].*[)\]]\s*\**\s*$", "", text)))
    return {"field": known[0], "by": known[1]} if known else {}


def _texts(cells: Cells) -> Iterator[tuple[int, str]]:
    for at, cell in enumerate(cells, 1):
        if isinstance(cell, str) and cell.strip():
            yield at, " ".join(cell.split())
        elif isinstance(cell, int | float):
            yield at, str(cell)


def _best_only(columns: Sequence[MappedColumn], names: Mapping[str, tuple[str, str, int]]) -> Iterator[MappedColumn]:
    """One column a field: the one whose header is known best, the first of equals."""
    best: dict[str, tuple[int, int]] = {}
    for column in columns:
        if column.field is not None:
            rank = _rank_of(names, column.header), column.column
            best[column.field] = min(best.get(column.field, rank), rank)
    for column in columns:
        if column.field is not None and best[column.field][1] != column.column:
            yield column.model_copy(update={"field": None, "by": None})
        else:
            yield column


def _rank_of(names: Mapping[str, tuple[str, str, int]], header: str) -> int:
    known = names.get(normal(header))
    return 99 if known is None else known[2]


def _rank(found: Found) -> tuple[float, int]:
    """How much of a header a row is. A key counts as half a column more."""
    return len(found.fields) + 0.5 * (not found.missing), -len(found.twice)


def _with_identifier(found: Found) -> Found:
    """Where a template has one key, no column is it and one is called Name: many programs identify things so.

    Then that column is the key, and the name is the next one that could be (a description), or the same column.
    """
    if len(found.template.key) != 1 or not found.missing or "name" not in found.template.by_field:
        return found
    named = next((column for column in found.columns if normal(column.header) == "name"), None)
    if named is None:
        return found
    names = _names(found.template)
    others = [column for column in found.columns if column is not named]
    fits = [column for column in others if (known := names.get(normal(column.header))) and known[0] == "name"]
    title = min(fits, key=lambda column: _rank_of(names, column.header), default=None)
    columns = [_guessed(column, named, title, found.template.key[0]) for column in found.columns]
    if title is None:
        columns.insert(columns.index(columns[found.columns.index(named)]) + 1, named.model_copy(update={"by": "guess"}))
    return replace(found, columns=tuple(columns), guessed=True)


def _guessed(column: MappedColumn, named: MappedColumn, title: MappedColumn | None, key: str) -> MappedColumn:
    if column is named:
        return column.model_copy(update={"field": key, "by": "guess"})
    if column is title:
        return column.model_copy(update={"field": "name", "by": "guess"})
    return column
