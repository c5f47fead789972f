"""What parser child and parent say to each other: frames of JSON behind their length, rows as columns of cells.

A column of a chunk is `{"k": kind, "v": values}`. Kind `p`: texts and numbers as they are, "" where the cell is empty.
Kind `d`: dates and times as ISO text, None where empty. Kind `m`: as `p`, or `[tag, text]` for what is neither text nor
number; the tags are in `Tag`. JSON and nothing richer, because the child may have been taken over by the file.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

import orjson

LENGTH: Final = struct.Struct(">I")
LONGEST: Final = 64 * 1024 * 1024
CHUNK_ROWS: Final = 500

Column = dict[str, Any]


class Tag(StrEnum):
    """What a cell is that is neither text nor number."""

    DATE = "d"
    TIME = "t"
    DURATION = "l"
    FLAG = "b"
    ERROR = "e"
    BARE = "f"
    NOT_FINITE = "n"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows from `row`, as columns from `column`; both count from 1 as in the sheet."""

    row: int
    rows: int
    column: int
    columns: list[Column]

    def as_json(self) -> dict[str, Any]:
        return {"row": self.row, "rows": self.rows, "column": self.column, "columns": self.columns}

    def sliced(self) -> Iterator[list[Any]]:
        """Row by row, for the few rows among which a header is looked for."""
        if not self.columns:
            return iter([[] for _ in range(self.rows)])
        before = [""] * (self.column - 1)
        return ([*before, *values] for values in zip(*map(plain, self.columns), strict=True))


def framed(message: object) -> bytes:
    body = orjson.dumps(message)
    return LENGTH.pack(len(body)) + body


def encoded(values: Sequence[Any]) -> Column:
    """A column of cells as calamine or the csv module gives them; a list is a cell that is tagged already."""
    types = set(map(type, values))
    if types <= {str}:
        return {"k": "p", "v": values}
    if types <= {str, int, float} and all(map(math.isfinite, (v for v in values if type(v) is float))):
        return {"k": "p", "v": values}
    if types <= {datetime, date} or (types <= {datetime, date, str} and not any(v for v in values if type(v) is str)):
        return {"k": "d", "v": [value or None for value in values]}
    return {"k": "m", "v": [_tagged(value) for value in values]}


def _tagged(value: Any) -> Any:
    if isinstance(value, str | list):
        return value
    if isinstance(value, bool):
        return [Tag.FLAG, "TRUE" if value else "FALSE"]
    if isinstance(value, date):
        return [Tag.DATE, value.isoformat()]
    if isinstance(value, time):
        return [Tag.TIME, value.isoformat()]
    if isinstance(value, timedelta):
        return [Tag.DURATION, str(value)]
    return value if math.isfinite(value) else [Tag.NOT_FINITE, str(value)]


def plain(column: Column) -> list[Any]:
    """The cells of a column, each on its own: text, number, or (tag, text)."""
    if column["k"] == "d":
        return ["" if value is None else (Tag.DATE, value) for value in column["v"]]
    if column["k"] == "m":
        return [tuple(value) if isinstance(value, list) else value for value in column["v"]]
    return list(column["v"])


def shown(cell: Any) -> str:
    """What a person sees in the cell, more or less."""
    if isinstance(cell, tuple):
        return str(cell[1])
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return "" if cell is None else str(cell)
