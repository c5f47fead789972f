"""Read a file as the imports service does, and keep all that comes of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from imports.spreadsheet.model import CellError, Head
from imports.spreadsheet.reading import Limits, Reading, open_file
from takt_contracts import catalog

ZONE = "Europe/Berlin"


@dataclass
class Read:
    """Everything that a file gave."""

    head: Head
    fields: tuple[str, ...] = ()
    rows: list[list[Any]] = field(default_factory=list)
    errors: list[CellError] = field(default_factory=list)
    rejected: list[int] = field(default_factory=list)
    seen: int = 0

    @property
    def by_field(self) -> list[dict[str, Any]]:
        return [dict(zip(self.fields, row[1:], strict=True)) for row in self.rows]

    @property
    def codes(self) -> list[tuple[int, str, str]]:
        """Row, letter and code of each error."""
        return [(error.row, error.letter, error.code) for error in self.errors]


@asynccontextmanager
async def opened(path: Path, wanted: str | None = None, **wishes: Any) -> AsyncIterator[Reading]:
    asked: dict[str, Any] = {"mapping": None, "sheet": None, "header_row": None, "limits": Limits(), "timezone": ZONE}
    async with open_file(path, catalog.templates(), wanted=wanted, **(asked | wishes)) as reading:
        yield reading


async def read(path: Path, wanted: str | None = None, **wishes: Any) -> Read:
    async with opened(path, wanted, **wishes) as reading:
        found = Read(await reading.head(), reading.fields)
        if found.head.template_id is not None:
            async for batch in reading.batches():
                found.rows += batch.rows
                found.errors += batch.errors
                found.rejected += batch.rejected
                found.seen = batch.seen
        return found
