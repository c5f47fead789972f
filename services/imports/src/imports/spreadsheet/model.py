"""What reading a file gives."""

from dataclasses import dataclass

from pydantic import JsonValue

from takt_contracts.imports.jobs import MappedColumn, Reason, Suggestion


@dataclass(frozen=True, slots=True)
class CellError:
    """One wrong cell. `value` is what the sheet shows, cut to 80 characters; column 0 means the row as a whole."""

    row: int
    column: int
    letter: str
    header: str
    field: str | None
    value: str | None
    expected: str
    code: str
    hint: str | None


@dataclass(frozen=True, slots=True)
class Head:
    """Where the table begins and what its columns are. Without a sure template its id is None: a person decides."""

    sheet: str | None
    header_row: int
    columns: tuple[MappedColumn, ...]
    template_id: str | None
    suggestions: tuple[Suggestion, ...]
    warnings: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Valid rows `[row number, *values by Reading.fields]`, and why others are not.

    `seen` counts all rows of data looked at so far, also in earlier batches; `rejected` are the numbers of this batch.
    """

    rows: list[list[JsonValue]]
    errors: list[CellError]
    seen: int
    rejected: list[int]
