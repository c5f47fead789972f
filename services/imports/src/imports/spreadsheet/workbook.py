"""Read XLSX in the parser child: look at every part first, then let calamine read the cells."""

import io
import re
from collections.abc import Iterator
from itertools import islice
from posixpath import join, normpath
from typing import Any, BinaryIO, Final
from xml.parsers import expat

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from imports.spreadsheet.archive import Archive, Part
from imports.spreadsheet.frames import CHUNK_ROWS, Chunk, Tag, encoded
from imports.spreadsheet.limits import Code, Limits, Refused
from imports.spreadsheet.sheetscan import NO_VALUE, Declarations, Fast, Odd, Sheet, Strings, Thorough

_MAIN: Final = re.compile(
    r'ContentType\s*=\s*["\']application/vnd\.openxmlformats[^"\']*spreadsheetml\.sheet\.main\+xml'
)
_MACROS: Final = re.compile(r"macroEnabled|vbaProject|ms-excel\.(?:sheet\.binary|intlmacrosheet)", re.IGNORECASE)
_ROOT: Final = re.compile(rb"<(?:[\w.-]+:)?worksheet\b")
_TALLEST_MERGE: Final = 1000
_WIDE: Final = 64

Row = list[Any]


class Workbook:
    """An XLSX file whose parts have all been looked at. Raises Refused."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        archive = Archive(file, limits)
        _refuse_foreign(archive)
        scans = _looked_at(archive, limits)
        self._scans = [scans.get(part, Sheet()) for part in _parts_of_sheets(archive)]
        file.seek(0)
        try:
            self._book = CalamineWorkbook.from_filelike(io.BytesIO(file.read()))
        except CalamineError as wrong:
            raise _damaged(wrong) from None
        if len(self._book.sheets_metadata) > limits.sheets:
            raise Refused(Code.SHEETS, f"The file has more than {limits.sheets} sheets.")
        if len(self._book.sheets_metadata) != len(self._scans):
            raise Refused(Code.AMBIGUOUS, "The list of sheets can be read in two ways.")
        self._kept: tuple[int, Any] | None = None

    def sheets(self) -> list[tuple[str, bool]]:
        """Name of each sheet, and whether it is a worksheet that can be seen."""
        return [
            (sheet.name, sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet)
            for sheet in self._book.sheets_metadata
        ]

    def chunks(self, index: int, most: int | None) -> Iterator[Chunk]:
        """The sheet's rows from the first, at most so many."""
        sheet, scan = self._sheet(index), self._scans[index]
        if sheet.start is None and not scan.last_filled:
            return
        first = sheet.start[1] if sheet.start else 0
        rows = _with_blanks(_merged(_rows(sheet), sheet, first), scan, first)
        yield from _chunks(islice(rows, most), first + 1)

    def _sheet(self, index: int) -> Any:
        if self._kept is None or self._kept[0] != index:
            self._kept = None  # one sheet in memory at a time
            try:
                self._kept = index, self._book.get_sheet_by_index(index)
            except CalamineError as wrong:
                raise _damaged(wrong) from None
        return self._kept[1]


def _damaged(wrong: Exception) -> Refused:
    return Refused(Code.DAMAGED, f"The workbook cannot be read: {str(wrong)[:200]}.")


def _refuse_foreign(archive: Archive) -> None:
    """The list of content types says what sort of document it is."""
    types = archive.read("[Content_Types].xml").decode("utf-8", "replace")
    if _MACROS.search(types) or any(part.name.casefold().endswith("vbaproject.bin") for part in archive.parts):
        raise Refused(Code.MACROS, "The workbook has macros; save it as .xlsx without them.")
    if not _MAIN.search(types):
        kind = archive.read("mimetype")[:80].decode("utf-8", "replace")
        raise Refused(Code.UNSUPPORTED, f"The file is no XLSX workbook{f' but {kind}' if kind else ''}.")


def _looked_at(archive: Archive, limits: Limits) -> dict[str, Sheet]:
    """Every part inflated and looked at, also those that nothing refers to."""
    found: dict[str, Sheet] = {}
    cells = 0
    for part in archive.parts:
        sheet = _look(archive, part, limits)
        if sheet is not None:
            found[part.name] = sheet
            cells += sheet.cells
        if cells > limits.cells:
            raise Refused(Code.CELLS, f"The file has more than {limits.cells:,} cells.")
    return found


def _look(archive: Archive, part: Part, limits: Limits) -> Sheet | None:
    data = archive.inflate(part)
    head = next(data, b"")
    if part.name.casefold().startswith("xl/media/"):
        for _ in data:
            """Pictures are counted, not read."""
        return None
    if _ROOT.search(head[:65536]):
        try:
            return _scan(part, head, data, Fast(limits))
        except Odd:
            data = archive.inflate(part)
            return _scan(part, next(data), data, Thorough(limits))
    if b"uniqueCount" in head[:65536] or part.name.casefold().endswith("sharedstrings.xml"):
        _scan(part, head, data, Strings(limits))
    else:
        _scan(part, head, data, None)
    return None


def _scan(part: Part, head: bytes, rest: Iterator[bytes], by: Fast | Thorough | Strings | None) -> Sheet | None:
    declarations = Declarations(part.name)
    for data in _from(head, rest):
        declarations.feed(data)
        if by is not None:
            by.feed(data)
    if by is None:
        return None
    by.end()
    return None if isinstance(by, Strings) else by.sheet


def _from(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _parts_of_sheets(archive: Archive) -> list[str]:
    """The part of each sheet, in the order of the workbook."""
    targets = {
        found.get("Id", ""): found for found in _elements(archive.read("xl/_rels/workbook.xml.rels"), "Relationship")
    }
    sheets = _elements(archive.read("xl/workbook.xml"), "sheet")
    if not sheets:
        raise Refused(Code.DAMAGED, "The workbook has no list of sheets.")
    return [_part_of(targets.get(_relation(sheet), {})) for sheet in sheets]


def _relation(sheet: dict[str, str]) -> str:
    return next((value for name, value in sheet.items() if name.rpartition(":")[2] == "id"), "")


def _part_of(relation: dict[str, str]) -> str:
    """Where a relation leads, inside the archive. One that leads outside is never followed."""
    target = relation.get("Target", "")
    if not target or relation.get("TargetMode", "").casefold() == "external" or ":" in target:
        raise Refused(Code.DAMAGED, "A sheet is not inside the file.")
    part = normpath(target.lstrip("/") if target.startswith("/") else join("xl", target))
    if part.startswith("..") or not part.casefold().endswith(".xml"):
        raise Refused(Code.DAMAGED, "A sheet is not inside the file.")
    return part


def _elements(xml: bytes, wanted: str) -> list[dict[str, str]]:
    """Attributes of every element of that name, whatever its prefix."""
    found: list[dict[str, str]] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition(":")[2] == wanted:
            found.append(attributes)

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    try:
        parser.Parse(xml, True)
    except expat.ExpatError as wrong:
        raise Refused(Code.DAMAGED, f"The workbook is not well-formed: {wrong}.") from None
    return found


def _rows(sheet: Any) -> Iterator[Row]:
    if sheet.start is not None:
        yield from sheet.iter_rows()


def _merged(rows: Iterator[Row], sheet: Any, first: int) -> Iterator[Row]:
    """What is written once over several rows holds for each of them. The reader gives it in the uppermost only."""
    down = {
        (row, low[1] - first): low[0]
        for low, high in sheet.merged_cell_ranges or ()
        if 0 < high[0] - low[0] <= _TALLEST_MERGE
        for row in range(low[0] + 1, high[0] + 1)
    }
    return _filled(rows, down) if down else rows


def _filled(rows: Iterator[Row], down: dict[tuple[int, int], int]) -> Iterator[Row]:
    kept: dict[int, Any] = {}
    columns = sorted({column for _, column in down})
    for number, row in enumerate(rows):
        for column in columns:
            if 0 <= column < len(row):
                if (number, column) in down:
                    row[column] = kept.get(column, "")
                else:
                    kept[column] = row[column]
        yield row


def _with_blanks(rows: Iterator[Row], scan: Sheet, first: int) -> Iterator[Row]:
    """Put in the cells that the reader shows as empty; they may lie beyond what it thinks is the table."""
    blanks = scan.blanks()
    due = next(blanks, None)
    if due is None:
        return rows
    return _put(rows, blanks, due, first)


def _put(rows: Iterator[Row], blanks: Iterator[tuple[int, int, str]], due: Any, first: int) -> Iterator[Row]:
    """The rows with their blanks, and after the last one those that the reader left out: they hold nothing else."""
    number, width = 0, 0
    for number, row in enumerate(rows, 1):
        width = len(row)
        due = _put_into(row, number, blanks, due, first)
        yield row
    while due is not None and width:
        number += 1
        row = [""] * width
        due = _put_into(row, number, blanks, due, first)
        yield row


def _put_into(row: Row, number: int, blanks: Iterator[tuple[int, int, str]], due: Any, first: int) -> Any:
    """Put in what is due up to this row; gives what is due next."""
    while due is not None and due[0] <= number:
        if due[0] == number and 0 <= due[1] - 1 - first < len(row):
            row[due[1] - 1 - first] = _blank(due[2])
        due = next(blanks, None)
    return due


def _blank(word: str) -> list[str]:
    return [Tag.BARE, ""] if word == NO_VALUE else [Tag.ERROR, word]


def _chunks(rows: Iterator[Row], column: int) -> Iterator[Chunk]:
    """Chunks small enough to be held twice: a wide row, or one of long texts, makes a smaller one."""
    number = 1
    while taken := _take(rows):
        yield Chunk(number, len(taken), column, [encoded(values) for values in zip(*taken, strict=True)])
        number += len(taken)


def _take(rows: Iterator[Row]) -> list[Row]:
    taken: list[Row] = []
    for row in rows:
        taken.append(row)
        if len(taken) >= CHUNK_ROWS or (len(row) > _WIDE and len(taken) * len(row) > CHUNK_ROWS * _WIDE):
            break
    return taken
