"""What a file may hold, and the closed list of reasons for which one is refused. Light: the parser child imports it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MIB: Final = 1024 * 1024


class Code(StrEnum):
    """Why a file was refused. Closed: whoever reads an import's reason may match on these."""

    EMPTY = "file.empty"
    NOT_A_WORKBOOK = "file.not-a-workbook"
    UNSUPPORTED = "file.type-unsupported"
    ENCRYPTED = "file.encrypted"
    MACROS = "file.macros"
    DAMAGED = "file.damaged"
    DOCTYPE = "file.doctype"
    AMBIGUOUS = "file.parts-ambiguous"
    INFLATED = "limit.inflated"
    RATIO = "limit.ratio"
    PARTS = "limit.parts"
    SHEETS = "limit.sheets"
    ROWS = "limit.rows"
    COLUMNS = "limit.columns"
    CELLS = "limit.cells"
    STRINGS = "limit.strings"
    CELL_LENGTH = "limit.cell-length"
    LINE_LENGTH = "limit.line-length"
    QUOTE = "csv.quote-unclosed"
    ENCODING = "csv.encoding"
    MEMORY = "parser.memory"
    CPU = "parser.cpu"
    TIME = "parser.time"
    DIED = "parser.died"
    TEMPLATE = "template.unknown"
    SHEET = "sheet.unknown"
    HEADER = "header.not-found"
    MISSING = "columns.missing"
    DUPLICATE = "columns.duplicate"


class Refused(Exception):
    """The file cannot be imported. `code` is one of `Code`, `detail` is for a person."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


@dataclass(frozen=True, kw_only=True)
class Limits:
    """All settings. Lengths are in characters, sizes in bytes.

    `area` is the rectangle between the first and the last cell: the reader holds one value for each place in it.
    """

    inflated: int = 512 * MIB
    part: int = 400 * MIB
    ratio: int = 200
    ratio_from: int = 10 * MIB
    parts: int = 1000
    sheets: int = 64
    rows: int = 1_048_576
    columns: int = 512
    cells: int = 6_000_000
    area: int = 12_000_000
    strings: int = 1_000_000
    cell_length: int = 32_767
    line_length: int = 1_000_000
    memory: int = 1024 * MIB
    cpu_s: int = 60
    wall_s: int = 120
