"""One file from its first byte to its last row: `open_file(...)` as a context, then `head()`, then `batches()`.

```python
async with open_file(path, templates, wanted="items", ...) as reading:
    head = await reading.head()
    async for batch in reading.batches():
        ...
```
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from imports.spreadsheet import header
from imports.spreadsheet.frames import Chunk
from imports.spreadsheet.header import Found
from imports.spreadsheet.limits import Code, Limits, Refused
from imports.spreadsheet.model import Batch, CellError, Head
from imports.spreadsheet.parser import Parser
from imports.spreadsheet.rows import Rows
from takt_contracts.imports.jobs import MappedColumn
from takt_contracts.template import ImportTemplate

__all__ = ["Batch", "CellError", "Code", "Head", "Limits", "Reading", "Refused", "open_file"]

SAMPLE: Final = 1000
"""Rows among which the header is looked for, and which say how dates and numbers are written."""


def open_file(
    path: Path,
    templates: Mapping[str, ImportTemplate],
    *,
    wanted: str | None,
    mapping: tuple[MappedColumn, ...] | None,
    sheet: str | None,
    header_row: int | None,
    limits: Limits,
    timezone: str,
) -> "Reading":
    """A file to be read for the template `wanted`, or for the one that fits.

    A person's `mapping` is taken as it is, with the `header_row` it was made for. Times without a zone are the plant's.
    """
    return Reading(Parser(path, limits), _Wish(templates, wanted, mapping, sheet, header_row), ZoneInfo(timezone))


class _Wish:
    """What was asked for, and what the rows of a sheet say to it."""

    def __init__(
        self,
        templates: Mapping[str, ImportTemplate],
        wanted: str | None,
        mapping: tuple[MappedColumn, ...] | None,
        sheet: str | None,
        header_row: int | None,
    ) -> None:
        if wanted is not None and wanted not in templates:
            raise Refused(Code.TEMPLATE, f"There is no template {wanted}.")
        self.templates = templates if wanted is None else {wanted: templates[wanted]}
        self.wanted, self.mapping, self.sheet, self.header_row = wanted, mapping, sheet, header_row

    def found(self, rows: Sequence[Sequence[Any]]) -> list[Found]:
        """What each template finds in a sheet; those that find nothing are left out."""
        at = self.header_row
        if at is None:
            found = [header.find(rows, template) for template in self.templates.values()]
        else:
            cells = rows[at - 1] if 0 < at <= len(rows) else ()
            found = [header.match(at, cells, template) for template in self.templates.values()]
        return [one for one in found if one is not None]

    def chosen(self, found: Sequence[Found]) -> Found | None:
        """The template that the file is for; None where a person must say it."""
        return next(iter(found), None) if self.wanted is not None else header.sure(found)


class Reading:
    """One file, one child. Use as a context: leaving it ends the child."""

    def __init__(self, parser: Parser, wish: _Wish, zone: ZoneInfo) -> None:
        self._parser, self._wish, self._zone = parser, wish, zone
        self._sheet = 0
        self._rows: Rows | None = None
        self._sheets: list[tuple[str, bool]] = []

    async def __aenter__(self) -> Self:
        await self._parser.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._parser.__aexit__(kind, error, trace)

    @property
    def fields(self) -> tuple[str, ...]:
        """Of the rows, in their order. Known after `head`, if that named a template."""
        return () if self._rows is None else self._rows.fields

    async def head(self) -> Head:
        """Look at the whole file and at the first rows of its sheets. Raises Refused."""
        self._sheets = await self._parser.sheets()
        best: tuple[int, list[Chunk], list[Found]] | None = None
        for index in self._candidates():
            sample = [chunk async for chunk in self._parser.chunks(index, SAMPLE)]
            found = self._wish.found([row for chunk in sample for row in chunk.sliced()])
            if best is None or not best[1] or _quality(found) > _quality(best[2]):
                best = index, sample, found
            if any(not one.missing for one in found):
                break
        assert best is not None
        self._sheet, sample, found = best
        return self._decided(sample, found)

    def _candidates(self) -> list[int]:
        """Sheets to be looked at: the named one, or those that can be seen, in their order."""
        if self._wish.sheet is not None:
            named = [index for index, (name, _) in enumerate(self._sheets) if name == self._wish.sheet]
        else:
            named = [index for index, (_, seen) in enumerate(self._sheets) if seen]
        if not named:
            raise Refused(Code.SHEET, f"There is no sheet {self._wish.sheet or 'that can be seen'}.")
        return named

    def _decided(self, sample: Sequence[Chunk], found: Sequence[Found]) -> Head:
        if self._wish.mapping is not None and self._wish.wanted is not None:
            return self._by_person(self._wish.mapping, self._wish.templates[self._wish.wanted], sample)
        chosen = self._wish.chosen(found)
        if chosen is None:
            return self._undecided(sample, found)
        if chosen.twice:
            raise Refused(Code.DUPLICATE, f"These headers are there twice: {', '.join(chosen.twice)}.")
        if chosen.missing:
            raise Refused(Code.MISSING, _missing(chosen))
        self._rows = Rows(chosen.template, chosen.columns, chosen.row, sample, self._zone)
        return self._head(chosen.row, chosen.columns, chosen.template.id, ())

    def _by_person(self, mapping: tuple[MappedColumn, ...], template: ImportTemplate, sample: Sequence[Chunk]) -> Head:
        row = self._wish.header_row or 1
        fields = [column.field for column in mapping if column.field is not None]
        if strange := sorted(set(fields) - set(template.by_field)):
            raise Refused(Code.MISSING, f"The template {template.id} has no {', '.join(strange)}.")
        if twice := sorted({field for field in fields if fields.count(field) > 1}):
            raise Refused(Code.DUPLICATE, f"Two columns fill {', '.join(twice)}.")
        if missing := [field for field in template.key if field not in fields]:
            raise Refused(Code.MISSING, f"No column fills {', '.join(missing)}.")
        self._rows = Rows(template, mapping, row, sample, self._zone)
        return self._head(row, mapping, template.id, ())

    def _undecided(self, sample: Sequence[Chunk], found: Sequence[Found]) -> Head:
        """No template, or more than one: a person says it, with the likely ones to choose from."""
        if self._wish.wanted is not None:
            raise Refused(Code.HEADER, f"No row has a header that the template {self._wish.wanted} knows.")
        best = max(found, key=lambda one: one.score, default=None)
        rows = [row for chunk in sample for row in chunk.sliced()]
        row = header.widest(rows) if best is None else best.row
        if row == 0:
            raise Refused(Code.HEADER, "No row looks like a header.")
        any_template = next(iter(self._wish.templates.values()))
        shown = header.match(row, rows[row - 1], any_template).columns
        columns = tuple(column.model_copy(update={"field": None, "by": None}) for column in shown)
        return self._head(row, columns, None, header.suggestions(found))

    def _head(self, row: int, columns: tuple[MappedColumn, ...], template: str | None, suggestions: Any) -> Head:
        warnings = header.unknown(columns) if template is not None else ()
        name = self._sheets[self._sheet][0] or None
        return Head(name, row, columns, template, suggestions, warnings)

    async def batches(self) -> AsyncIterator[Batch]:
        """All rows of the file in their order, at most 500 and 512 KiB a batch. Raises Refused, also late."""
        assert self._rows is not None, "a head with a template comes first"
        async for chunk in self._parser.chunks(self._sheet):
            for batch in self._rows.take(chunk):
                yield batch
            await asyncio.sleep(0)  # others of this process want to run too, also when the pipe is never empty


def _quality(found: Sequence[Found]) -> float:
    return max((one.score for one in found), default=0.0)


def _missing(found: Found) -> str:
    titles = [found.template.by_field[field].title for field in found.missing]
    return f"Row {found.row} has no column {' and no column '.join(titles)}."
