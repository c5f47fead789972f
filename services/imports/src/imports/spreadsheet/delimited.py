"""Read CSV in the parser child: as a stream, whatever its letters, separators and line ends."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import BinaryIO, Final

from imports.spreadsheet.frames import CHUNK_ROWS, Chunk, encoded
from imports.spreadsheet.limits import Code, Limits, Refused

_STEP: Final = 1 << 20
_SEPARATORS: Final = (",", ";", "\t", "|")
_END: Final = "\ue000end of file\ue000"
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CHARS: Final = 4 << 20
_WIDE: Final = re.compile(rb"[\xc3-\xf4][\x80-\xbf]")


class Delimited:
    """A CSV file whose encoding and separator are known. Raises Refused, also while rows are read."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self._file, self._limits = file, limits
        self._encoding = _encoding(file)
        self._separator = _separator(list(islice(self._lines(), 200)))
        csv.field_size_limit(limits.line_length)

    def sheets(self) -> list[tuple[str, bool]]:
        return [("", True)]

    def chunks(self, _index: int, most: int | None) -> Iterator[Chunk]:
        rows, number = islice(self._rows(), most), 1
        while taken := _take(rows):
            columns = [encoded(values) for values in zip_longest(*taken, fillvalue="")]
            yield Chunk(number, len(taken), 1, columns)
            number += len(taken)

    def _rows(self) -> Iterator[list[str]]:
        """Records in order, an empty line as an empty record, which is how spreadsheet programs count rows."""
        reader = csv.reader(self._lines_and_end(), delimiter=self._separator)
        number = 0
        while True:
            try:
                row = next(reader, None)
            except csv.Error:
                raise _unclosed(number + 1) from None
            if row is None or row == [_END]:
                return
            number += 1
            self._refuse(row, number)
            yield row

    def _refuse(self, row: list[str], number: int) -> None:
        limits = self._limits
        if row and row[-1].endswith(_END):
            raise _unclosed(number)
        if number > limits.rows:
            raise Refused(Code.ROWS, f"The file has more than {limits.rows:,} rows.")
        if len(row) > limits.columns and any(row[limits.columns :]):
            raise Refused(Code.COLUMNS, f"Row {number} has {len(row):,} columns; at most {limits.columns} are read.")
        if row and max(map(len, row)) > limits.cell_length:
            raise Refused(Code.CELL_LENGTH, f"A cell in row {number} has more than {limits.cell_length:,} characters.")

    def _lines_and_end(self) -> Iterator[str]:
        """After the last line one that no file has: inside a cell it shows that a quote was never closed."""
        yield from self._lines()
        yield _END

    def _lines(self) -> Iterator[str]:
        """Lines with their ends, of any kind. Bounded: a file without line ends is refused, not gathered."""
        self._file.seek(0)
        most = self._limits.line_length
        text = io.TextIOWrapper(_Kept(self._file), encoding=self._encoding, newline="")
        while line := text.readline(most + 1):
            if len(line) > most:
                raise Refused(Code.LINE_LENGTH, f"A line has more than {most:,} characters.")
            yield line


class _Kept(io.BufferedReader):
    """The same file read anew; closing it leaves the file open."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(io.FileIO(file.fileno(), closefd=False), _STEP)


def _encoding(file: BinaryIO) -> str:
    """UTF-8 or UTF-16 by their marks, UTF-8 where all of it is, else cp1252. The whole file is looked at."""
    file.seek(0)
    head = file.read(4)
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked == "utf-16":
        _refuse_nul(file, marked)
        return marked
    return marked if marked and _is(file, "utf-8") else _unmarked(file)


def _unmarked(file: BinaryIO) -> str:
    if _is(file, "utf-8"):
        return "utf-8"
    if not _is(file, "cp1252"):
        raise Refused(Code.ENCODING, "The text is neither in UTF-8 nor in Windows-1252.")
    return "cp1252"


def _is(file: BinaryIO, encoding: str) -> bool:
    """Whether all of the file can be read so. Text that is UTF-8 in one place and not in another is refused."""
    decoder = codecs.getincrementaldecoder(encoding)()
    wide, tail = False, b""
    for data in _blocks(file):
        if b"\0" in data:
            raise Refused(Code.NOT_A_WORKBOOK, "The file is neither XLSX nor text.")
        if encoding == "utf-8" and not wide:
            wide, tail = _WIDE.search(tail + data) is not None, data[-4:]
        try:
            decoder.decode(data)
        except UnicodeDecodeError:
            if wide:
                raise Refused(Code.ENCODING, "A part of the text is in UTF-8, and another part is not.") from None
            return False
    return True


def _refuse_nul(file: BinaryIO, encoding: str) -> None:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        if any("\0" in decoder.decode(data) for data in _blocks(file)):
            raise Refused(Code.NOT_A_WORKBOOK, "The file is neither XLSX nor text.")
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        raise Refused(Code.ENCODING, "The text begins like UTF-16 and does not go on so.") from None


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while data := file.read(_STEP):
        yield data


def _separator(lines: list[str]) -> str:
    """The one that cuts the first lines into the most records of the same width."""

    def fit(separator: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator) if row)
        except csv.Error:
            return 0, 0
        return max(((width > 1) * times * width, width) for width, times in widths.items()) if widths else (0, 0)

    return max(_SEPARATORS, key=fit)


def _unclosed(row: int) -> Refused:
    return Refused(Code.QUOTE, f"A quote that opens in row {row} is never closed.")


def _take(rows: Iterator[list[str]]) -> list[list[str]]:
    taken: list[list[str]] = []
    room = _CHARS
    for row in rows:
        taken.append(row)
        room -= sum(map(len, row))
        if len(taken) >= CHUNK_ROWS or room < 0:
            break
    return taken
