"""Look at the XML of a workbook before the reader does: count, measure, and find cells that the reader shows as empty.

Two ways give the same answer. `Fast` searches bytes and knows the one spelling that all common programs write; a sheet
that is spelled otherwise is `Odd` and goes through `Thorough`, which parses it.
"""

import re
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from imports.spreadsheet.limits import Code, Limits, Refused

MOST_ROWS: Final = 1_048_576
MOST_COLUMNS: Final = 16_384
NO_VALUE: Final = "="
"""Stands for a formula that was saved without its result."""

_DECLARED: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_USUAL: Final = (b'<c r="', b"</c>", b"<v>", b"</v>", b'<row r="', b"</row>")
_ALLOWED: Final = (
    b"<is>", b"</is>", b"<t>", b"<t ", b"</t>", b"<f>", b"<f ", b"</f>", b"<v/>", b"<v />", b"<f/>", b"<sheetData>",
)  # fmt: skip
_ODD: Final = (b"='", b' ="', b'= "')
_ROW: Final = re.compile(rb'<row r="([0-9]{1,9})"([^>]*>)')
_FAR: Final = re.compile(rb'<c r="([A-Z]{2,})[0-9]+"[^>]*(?<!/)>')
_NEAR: Final = re.compile(rb'<c r="([A-Z])[0-9]')
_CELL: Final = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,9})"([^>]*)>')
_WRONG: Final = re.compile(rb'<c r="[A-Z]{1,3}[0-9]{1,9}"[^>]*\bt="e"[^>]*>')
_RESULT: Final = re.compile(rb"<v>([^<]{1,40})</v>")
_BARE: Final = re.compile(rb"(?:</f>|<f[^>]*/>)\s*(<v\s*/>|<v>\s*</v>)?\s*</c>")
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LONGEST_ROW: Final = 8 << 20


class Odd(Exception):
    """The sheet is spelled in a way that a search for bytes cannot be trusted with."""


@dataclass
class Sheet:
    """What a worksheet holds. Rows and columns count from 1; `filled` rows may have cells, others have none."""

    cells: int = 0
    last_row: int = 0
    first_filled: int = 0
    last_filled: int = 0
    last_column: int = 0
    _at: "array[int]" = field(default_factory=lambda: array("Q"))
    _what: bytearray = field(default_factory=bytearray)
    _words: list[str] = field(default_factory=list)

    def fill(self, row: int) -> None:
        self.first_filled = min(row, self.first_filled or row)
        self.last_filled = max(row, self.last_filled)

    def note(self, row: int, column: int, word: str) -> None:
        """Keep a cell that looks empty and is not. 9 bytes each, so that a whole column of them costs little."""
        if word not in self._words:
            word = self._words[0] if len(self._words) == 32 else word
            self._words.append(word)
        self._at.append(row * MOST_COLUMNS + column - 1)
        self._what.append(self._words.index(word))

    def blanks(self) -> Iterator[tuple[int, int, str]]:
        """Row, column and word of the cells that look empty and are not, in the order of the sheet."""
        order: Iterable[int] = range(len(self._at))
        if any(self._at[i] > self._at[i + 1] for i in range(len(self._at) - 1)):
            order = sorted(order, key=self._at.__getitem__)
        for i in order:
            row, column = divmod(self._at[i], MOST_COLUMNS)
            yield row, column + 1, self._words[self._what[i]]

    def refuse_large(self, limits: Limits) -> None:
        rows, columns = min(MOST_ROWS, limits.rows), min(MOST_COLUMNS, limits.columns)
        if self.last_row > rows:
            raise Refused(Code.ROWS, f"There is a row with the number {self.last_row:,}; at most {rows:,} are read.")
        if self.last_column > columns:
            raise Refused(Code.COLUMNS, f"There is a cell in column {self.last_column:,}; at most {columns} are read.")
        if self.cells > limits.cells:
            raise Refused(Code.CELLS, f"The sheet has more than {limits.cells:,} cells.")
        if self.last_column * (self.last_filled - self.first_filled + 1) > limits.area:
            raise Refused(Code.CELLS, f"From its first to its last cell the sheet spans more than {limits.area:,}.")


def column_number(letters: bytes) -> int:
    """A is 1, XFD is 16,384."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


class Declarations:
    """Refuses a part that declares a document type or an entity, whatever it is for.

    XML of two bytes a letter would hide one from this search, and no program writes it, so it is refused too.
    """

    def __init__(self, name: str) -> None:
        self._name, self._tail, self._begun = name, b"", False

    def feed(self, data: bytes) -> None:
        if not self._begun and (b"\0" in data[:4] or data[:2] in {b"\xff\xfe", b"\xfe\xff"}):
            raise Refused(Code.DAMAGED, f"Part {self._name} is not in UTF-8.")
        self._begun = True
        if _DECLARED.search(self._tail + data[:16]) or (b"<!" in data and _DECLARED.search(data)):
            raise Refused(Code.DOCTYPE, f"Part {self._name} declares a document type, which no workbook needs.")
        self._tail = data[-16:]


class Lengths:
    """Refuses text that no cell can hold. By bytes, of which a character takes up to four."""

    def __init__(self, limits: Limits) -> None:
        self._most = limits.cell_length
        self._long = re.compile(rb">[^<]{%d}" % (4 * limits.cell_length + 1))

    def refuse(self, xml: bytes) -> None:
        if self._long.search(xml):
            raise Refused(Code.CELL_LENGTH, f"A cell has more than {self._most:,} characters.")


class Strings:
    """Counts the texts that cells share, whatever the part says of their number."""

    def __init__(self, limits: Limits) -> None:
        self._limits, self._tail, self._head, self._count = limits, b"", b"", 0
        self._lengths = Lengths(limits)

    def feed(self, data: bytes) -> None:
        self._head += data[: max(0, 4096 - len(self._head))]
        both = self._tail + data
        self._lengths.refuse(both)
        cut = both.rfind(b"<")
        ready, self._tail = (both[:cut], both[cut:]) if cut >= 0 else (b"", both)
        self._count += sum(map(ready.count, (b"<si>", b"<si ", b"<si/", b":si>")))
        if self._count > self._limits.strings:
            raise Refused(Code.STRINGS, f"The file has more than {self._limits.strings:,} texts.")

    def end(self) -> None:
        """The number that the part states is room that the reader takes, so it must not be a lie."""
        stated = re.search(rb'\buniqueCount\s*=\s*["\']([^"\']*)', self._head)
        if stated is not None and not (stated[1].isdigit() and int(stated[1][:20]) <= max(100_000, 2 * self._count)):
            raise Refused(Code.STRINGS, "The file states a number of texts that it does not have.")


class Fast:
    """Searches the bytes of a worksheet, some rows at a time."""

    def __init__(self, limits: Limits) -> None:
        self.sheet = Sheet()
        self._limits, self._tail, self._begun = limits, b"", False
        self._lengths = Lengths(limits)

    def feed(self, data: bytes) -> None:
        both = self._tail + data
        cut = both.rfind(b"<row ")
        if not self._begun:
            both, cut = self._begin(both), -1
        if cut <= 0:
            self._tail = both
            if len(both) > _LONGEST_ROW:
                raise Odd
            return
        self._tail = both[cut:]
        self._count(both[:cut])

    def end(self) -> None:
        if not self._begun:
            raise Odd
        rows, _, _ = self._tail.partition(b"</sheetData>")
        self._count(rows)

    def _begin(self, both: bytes) -> bytes:
        """What comes before the rows counts for nothing, unless it could hide where they begin."""
        at = both.find(b"<sheetData")
        if at < 0:
            return both
        if b"<!" in both[:at]:
            raise Odd
        self._begun = True
        return both[at:]

    def _count(self, rows: bytes) -> None:
        sheet = self.sheet
        found = _ROW.findall(rows)
        sheet.cells += _cells(rows, len(found))
        numbers = [int(number) for number, _ in found]
        sheet.last_row = max([sheet.last_row, *numbers])
        for row in _ends([int(number) for number, end in found if not end.endswith(b"/>")]):
            sheet.fill(row)
        self._refuse_misplaced(rows)
        self._measure(rows)
        self._note(rows)
        if b"inlineStr" in rows or b't="str"' in rows:
            self._lengths.refuse(rows)
        sheet.refuse_large(self._limits)

    def _refuse_misplaced(self, rows: bytes) -> None:
        """A cell that claims a row far from the one it stands in."""
        if re.search(rb'<c r="[A-Z]+[0-9]{%d}' % (len(str(self.sheet.last_row)) + 1), rows):
            raise Odd

    def _measure(self, rows: bytes) -> None:
        far = {column_number(letters) for letters in _FAR.findall(rows)}
        near = 0 if far else max(map(_last_letter, rows.split(b"</row>")), default=0)
        self.sheet.last_column = max([self.sheet.last_column, near, *far])

    def _note(self, rows: bytes) -> None:
        found = []
        if b't="e"' in rows:
            found += [_wrong(rows, match) for match in _WRONG.finditer(rows)]
        if b"<f" in rows:
            found += [bare for match in _BARE.finditer(rows) if (bare := _bare(rows, match))]
        for row, column, word in sorted(found):
            self.sheet.note(row, column, word)


def _cells(rows: bytes, found: int) -> int:
    """How many cells there are. Raises Odd unless every tag is one of those that this search knows."""
    counts = [rows.count(tag) for tag in _USUAL]
    tags = rows.count(b"<")
    if tags != sum(counts) and tags != sum(counts) + sum(map(rows.count, _ALLOWED)):
        raise Odd
    if counts[4] != found or any(odd in rows for odd in _ODD):
        raise Odd
    return counts[0]


def _last_letter(row: bytes) -> int:
    """The last column of a row that has one letter. Cells stand in order; those of two letters here are empty ones."""
    at = row.rfind(b'<c r="') + 6
    if at < 6:
        return 0
    if row[at + 1] > ord("9"):
        return max((letter[0] - 64 for letter in _NEAR.findall(row)), default=0)
    return row[at] - 64


def _ends(numbers: list[int]) -> tuple[int, ...]:
    return (min(numbers), max(numbers)) if numbers else ()


def _wrong(rows: bytes, match: re.Match[bytes]) -> tuple[int, int, str]:
    cell = _CELL.match(rows, match.start())
    assert cell is not None
    end = rows.find(b"</c>", match.end())
    value = _RESULT.search(rows, match.end(), max(end, match.end()))
    return int(cell[2]), column_number(cell[1]), value[1].decode("utf-8", "replace") if value else "#ERROR"


def _bare(rows: bytes, match: re.Match[bytes]) -> tuple[int, int, str] | None:
    """The cell of a formula without its result; a text formula whose result is the empty text has one."""
    cell = _CELL.match(rows, rows.rfind(b'<c r="', 0, match.start()))
    if cell is None:
        raise Odd
    if b't="e"' in cell[3] or (b't="str"' in cell[3] and match[1] is not None):
        return None
    return int(cell[2]), column_number(cell[1]), NO_VALUE


class Thorough:
    """Parses a worksheet with expat. Prefixes are dropped, as the reader does; places may be left out, as it allows."""

    def __init__(self, limits: Limits) -> None:
        self.sheet = Sheet()
        self._limits = limits
        self._row = self._column = 0
        self._columns = _Letters()
        self._cell: dict[str, str] | None = None
        self._formula = self._valued = False
        self._inside, self._text, self._length = "", "", 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def feed(self, data: bytes) -> None:
        self._parse(data, False)
        self.sheet.refuse_large(self._limits)

    def end(self) -> None:
        self._parse(b"", True)

    def _parse(self, data: bytes, final: bool) -> None:
        try:
            self._parser.Parse(data, final)
        except expat.ExpatError as wrong:
            raise Refused(Code.DAMAGED, f"A worksheet is not well-formed: {wrong}.") from None

    @staticmethod
    def _doctype(*_: object) -> None:
        raise Refused(Code.DOCTYPE, "A worksheet declares a document type, which no workbook needs.")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2] if ":" in tag else tag
        if name == "c":
            self._start_cell(attributes)
        elif name == "row":
            self._row = _number(attributes.get("r"), self._row + 1)
            self._column = 0
            self.sheet.last_row = max(self.sheet.last_row, self._row)
        elif self._cell is not None:
            self._formula |= name == "f"
            self._valued |= name in {"v", "is"}
            self._inside = name

    def _start_cell(self, attributes: dict[str, str]) -> None:
        place = attributes.get("r")
        if place is None:
            self._column += 1
        else:
            letters = place.rstrip("0123456789")
            self._column = self._columns[letters]
            self._row = _number(place[len(letters) :] or None, self._row)
        sheet = self.sheet
        sheet.cells += 1
        sheet.last_row = max(sheet.last_row, self._row)
        self._cell, self._formula, self._valued, self._text, self._length = attributes, False, False, "", 0
        if sheet.cells % 10_000 == 0:
            sheet.refuse_large(self._limits)

    def _characters(self, text: str) -> None:
        self._length += len(text)
        if self._cell is not None and self._length > self._limits.cell_length:
            raise Refused(Code.CELL_LENGTH, f"A cell has more than {self._limits.cell_length:,} characters.")
        if self._inside == "v" and len(self._text) < 40:
            self._text += text

    def _end(self, tag: str) -> None:
        self._inside = ""
        if (tag == "c" or tag.endswith(":c")) and self._cell is not None:
            if self._formula or self._valued:
                self._end_cell(self._cell.get("t"))
            self._cell = None

    def _end_cell(self, kind: str | None) -> None:
        sheet = self.sheet
        if not sheet.first_filled <= self._row <= sheet.last_filled or not sheet.first_filled:
            sheet.fill(self._row)
        sheet.last_column = max(sheet.last_column, self._column)
        if kind == "e":
            sheet.note(self._row, self._column, self._text.strip() or "#ERROR")
        elif self._formula and not self._text.strip() and not (kind == "str" and self._valued):
            sheet.note(self._row, self._column, NO_VALUE)


class _Letters(dict[str, int]):
    """Columns by their letters. What is no place is past every limit."""

    def __missing__(self, letters: str) -> int:
        known = re.fullmatch("[A-Z]{1,3}", letters)
        number = self[letters] = column_number(letters.encode()) if known else MOST_COLUMNS + 1
        return number


def _number(text: str | None, otherwise: int) -> int:
    """What a row says of its number; one that is none, or too long to be one, is past every limit."""
    if text is None:
        return otherwise
    return int(text) if len(text) < 10 and text.isascii() and text.isdigit() else 10**9
