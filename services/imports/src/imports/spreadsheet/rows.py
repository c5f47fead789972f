"""Make rows of the target from chunks of cells: convert, validate, find duplicates, know where the table ends. Pure.

The end of a table. After an empty row, a row without its whole key, or with nothing beside it, is a legend, a total or
a note and no data, and so are those that follow. Should a row with a key and more follow after all, then the table went
on, and they are taken as rows of it. Nothing is dropped in silence from inside a table.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

import orjson
from pydantic import JsonValue, ValidationError

from imports.spreadsheet.cells import Bad, Converter, hint_of
from imports.spreadsheet.evidence import gathered
from imports.spreadsheet.frames import Chunk, plain, shown
from imports.spreadsheet.model import Batch, CellError
from takt_contracts.imports.jobs import MappedColumn
from takt_contracts.template import ImportTemplate

MOST_BYTES: Final = 448 * 1024
"""Of the rows of a batch; what a message adds to them fits into what is left of 512 KiB."""
_SHOWN: Final = 80
_LONGEST_FOOT: Final = 1000
_EMPTY_COLUMN: Final[Mapping[str, Any]] = {"k": "p", "v": ()}


class Keys:
    """The keys seen so far and the row of each, in 12 bytes a place: a million keys take 25 to 50 MB.

    Keys are told apart by 64 bits of their hash: that any two of a million share them is one chance in 40 million.
    """

    def __init__(self) -> None:
        self._hashes, self._rows, self._used = array("Q", bytes(8 * 1024)), array("I", bytes(4 * 1024)), 0

    def first(self, key: object, row: int) -> int:
        """The row that had this key first: this one, unless it is a duplicate."""
        if 2 * self._used >= len(self._rows):
            self._grow()
        return self._put(hash(key) & 0xFFFFFFFFFFFFFFFF, row)

    def _put(self, hashed: int, row: int) -> int:
        hashes, rows = self._hashes, self._rows
        at = (hashed * 0x9E3779B97F4A7C15 >> 20) & (len(rows) - 1)
        while rows[at]:
            if hashes[at] == hashed:
                return rows[at]
            at = (at + 1) & (len(rows) - 1)
        hashes[at], rows[at] = hashed, row
        self._used += 1
        return row

    def _grow(self) -> None:
        hashes, rows, size = self._hashes, self._rows, 4 * len(self._rows)
        self._hashes, self._rows, self._used = array("Q", bytes(8 * size)), array("I", bytes(4 * size)), 0
        for hashed, row in zip(hashes, rows, strict=True):
            if row:
                self._put(hashed, row)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column that is read: where it stands, what it fills and how."""

    place: MappedColumn
    field: str
    converter: Converter


class Rows:
    """Takes chunks in the order of the sheet; gives batches of valid rows and the errors of the others."""

    def __init__(
        self,
        template: ImportTemplate,
        columns: Sequence[MappedColumn],
        header_row: int,
        sample: Sequence[Chunk],
        zone: ZoneInfo,
    ) -> None:
        self._header_row, self._keys = header_row, Keys()
        self._columns = [
            _Column(place, place.field, _converter(template, place, header_row, sample, zone))
            for place in columns
            if place.field is not None
        ]
        self.fields = tuple(column.field for column in self._columns)
        self._key = [self.fields.index(field) for field in template.key]
        keys = {self._columns[at].place.column for at in self._key}
        self._beside = [at for at, column in enumerate(self._columns) if column.place.column not in keys]
        self._identified = self._columns[self._key[0]].place.by == "guess" and "name" in self.fields
        self._whole = _whole(template, self.fields)
        self._template = template
        self._seen, self._after_gap = 0, False
        self._foot: list[_Row] = []

    def take(self, chunk: Chunk) -> list[Batch]:
        """What the chunk's rows below the header become."""
        skipped = max(0, self._header_row + 1 - chunk.row)
        if skipped >= chunk.rows:
            return []
        cells = [_cells_of(chunk, column.place.column, skipped) for column in self._columns]
        count = chunk.rows - skipped
        values = [
            column.converter.all(found) if found["v"] else [None] * count
            for column, found in zip(self._columns, cells, strict=True)
        ]
        work = _Work(chunk.row + skipped, cells, list(zip(*values, strict=True)))
        if self._is_plain(values):
            self._take_plain(work, zip(*(values[key] for key in self._key), strict=True))
        else:
            for at in range(len(work.rows)):
                self._take_one(work, at)
        return list(self._batches(work))

    def _is_plain(self, values: Sequence[Sequence[Any]]) -> bool:
        """Every row has its key and no cell is wrong: what nearly all chunks are."""
        if self._foot or self._after_gap or self._whole is not None:
            return False
        return not any(None in values[at] for at in self._key) and not any(
            Bad in set(map(type, column)) for column in values
        )

    def _take_plain(self, work: "_Work", keys: Iterator[tuple[Any, ...]]) -> None:
        """Nothing can be wrong with a row but that its key was there before."""
        first, keep = self._keys.first, work.kept.append
        for number, (key, row) in enumerate(zip(keys, work.rows, strict=True), work.first):
            if first(key, number) == number:
                keep([number, *row])
                self._seen += 1
            else:
                self._keep(work, _Row(number, row, number - work.first, work))

    def _take_one(self, work: "_Work", at: int) -> None:
        row = _Row(work.first + at, work.rows[at], at, work)
        if all(value is None for value in row.values):
            self._after_gap = True
        elif self._is_below(row) and len(self._foot) < _LONGEST_FOOT:
            self._foot.append(row)
        else:
            for held in [*self._foot, row]:
                self._keep(work, held)
            self._foot, self._after_gap = [], False

    def _is_below(self, row: "_Row") -> bool:
        """Whether the row looks like what stands below a table."""
        if not (self._after_gap or self._foot):
            return False
        keyed = all(row.values[key] is not None for key in self._key)
        return not keyed or bool(self._beside and all(row.values[other] is None for other in self._beside))

    def _keep(self, work: "_Work", row: "_Row") -> None:
        """A row of data: valid, or rejected with each of its reasons."""
        self._seen += 1
        errors = [self._error(row, at, value) for at, value in enumerate(row.values) if type(value) is Bad]
        errors += [
            self._error(row, key, Bad("cell.required", self._columns[key].converter.expected, _NEEDS_KEY))
            for key in self._key
            if row.values[key] is None
        ]
        errors = errors or self._wrong_as_a_whole(row) or self._duplicate(row)
        if errors:
            work.errors.extend(errors)
            work.rejected.append(row.number)
        else:
            work.kept.append([row.number, *row.values])

    def _wrong_as_a_whole(self, row: "_Row") -> list[CellError]:
        """Rules between fields, where the row has all that they need."""
        if self._whole is None:
            return []
        said = {field: value for field, value in zip(self.fields, row.values, strict=True) if value is not None}
        try:
            self._whole.model_validate(said)
        except ValidationError as wrong:
            if any(error["type"] == "missing" for error in wrong.errors()):
                return []
            field = next((str(name) for name in wrong.errors()[0]["loc"] if name in self.fields), None)
            at = self._key[0] if field is None else self.fields.index(field)
            return [self._error(row, at, Bad("row.invalid", self._columns[at].converter.expected, hint_of(wrong)))]
        return []

    def _duplicate(self, row: "_Row") -> list[CellError]:
        first = self._keys.first(tuple([row.values[key] for key in self._key]), row.number)
        if first == row.number:
            return []
        bad = Bad("row.duplicate-key", "a key that no row above has", f"Row {first} has the same key.")
        return [self._error(row, self._key[-1], bad)]

    def _error(self, row: "_Row", at: int, bad: Bad) -> CellError:
        column = self._columns[at]
        place, value = column.place, shown(row.cell(at))[:_SHOWN] or None
        return CellError(
            row.number, place.column, place.letter, place.header, column.field, value, bad.expected, bad.code, bad.hint
        )

    def _batches(self, work: "_Work") -> Iterator[Batch]:
        """One for a chunk, unless its rows are too long for one message."""
        if self._identified:
            self._name_by_key(work.kept)
        pieces = list(_pieces(work.kept))
        if not pieces and not work.rejected:
            return
        for rows in pieces[:-1]:
            yield Batch(rows, [], self._seen, [])
        yield Batch(pieces[-1] if pieces else [], work.errors, self._seen, work.rejected)

    def _name_by_key(self, rows: list[list[JsonValue]]) -> None:
        """Where the column called Name is the key, a row without a description is still called by it."""
        key, name = 1 + self._key[0], 1 + self.fields.index("name")
        for row in rows:
            if row[name] is None:
                row[name] = row[key]


_NEEDS_KEY: Final = "A row is known by this; without it nobody can say what the row is about."


class _Work:
    """A chunk on its way: raw cells by column, converted rows, and what became of them."""

    def __init__(self, first: int, cells: Sequence[Mapping[str, Any]], rows: list[tuple[Any, ...]]) -> None:
        self.first, self._cells, self.rows = first, cells, rows
        self.kept: list[list[JsonValue]] = []
        self.errors: list[CellError] = []
        self.rejected: list[int] = []

    def cell(self, column: int, at: int) -> Any:
        values = self._cells[column]["v"]
        return (tuple(values[at]) if isinstance(values[at], list) else values[at]) if values else None


@dataclass(frozen=True, slots=True)
class _Row:
    """A converted row and the way back to its cells."""

    number: int
    values: tuple[Any, ...]
    at: int
    work: _Work

    def cell(self, column: int) -> Any:
        return self.work.cell(column, self.at)


def _converter(
    template: ImportTemplate, place: MappedColumn, header_row: int, sample: Sequence[Chunk], zone: ZoneInfo
) -> Converter:
    cells = (
        cell
        for chunk in sample
        for cell in plain(dict(_cells_of(chunk, place.column, max(0, header_row + 1 - chunk.row))))
    )
    assert place.field is not None
    return Converter(template.by_field[place.field], gathered(cells), zone)


def _cells_of(chunk: Chunk, column: int, skipped: int) -> Mapping[str, Any]:
    """A column of the sheet within a chunk, without the first rows; empty where the chunk does not reach so far."""
    at = column - chunk.column
    if not 0 <= at < len(chunk.columns):
        return _EMPTY_COLUMN
    found = chunk.columns[at]
    return found if not skipped else {"k": found["k"], "v": found["v"][skipped:]}


def _whole(template: ImportTemplate, fields: Sequence[str]) -> Any:
    """The model of a row, where it has rules that no field has alone and the file has what it needs."""
    rules = template.row.__pydantic_decorators__
    has_rules = rules.model_validators or rules.field_validators or rules.validators or rules.root_validators
    return template.row if has_rules else None


def _pieces(rows: list[list[JsonValue]]) -> Iterator[list[list[JsonValue]]]:
    if not rows:
        return
    if len(rows) > 1 and len(orjson.dumps(rows)) > MOST_BYTES:
        yield from _pieces(rows[: len(rows) // 2])
        yield from _pieces(rows[len(rows) // 2 :])
    else:
        yield rows
