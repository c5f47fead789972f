"""Wrong workers of imports, each a mistake that is made in the field. They take the product's place by constructor.

Every one of them must be convicted by a checker; if one passes, the checkers prove nothing.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import TYPE_CHECKING

from imports.jobs.batches import Chunk
from imports.jobs.commands import StoreChunk, store_chunk
from imports.jobs.model import Import
from imports.jobs.reading import Attempts, Chunks
from plantkit import crash
from plantkit.work import Lease

if TYPE_CHECKING:
    from imports.spreadsheet.reading import Reading

_STORED = "SELECT coalesce(max(chunk), 0) FROM import_batches WHERE import_id = $1"


class _Resuming(Attempts):
    """Keeps what an earlier attempt has stored, and goes on from there."""

    async def _begin(self, lease: Lease, reading: "Reading") -> bool:
        if await self._stored(lease):
            await reading.head()
            return True
        return await super()._begin(lease, reading)

    async def _store_all(self, lease: Lease, job: Import, reading: "Reading") -> None:
        stored = await self._stored(lease)
        number = stored
        async for chunk, seen in self._chunks(reading):
            if stored and chunk.number <= self._last_passed(stored):
                continue
            number += 1
            order = StoreChunk(lease=lease, chunk=replace(chunk, number=number, batch=number), seen=seen)
            await self._run(lease, store_chunk, order)
            crash.point("import.mid_batch")

    async def _chunks(self, reading: "Reading") -> AsyncIterator[tuple[Chunk, int]]:
        chunks = Chunks(row_errors=self._settings.row_errors, import_errors=self._settings.import_errors)
        async for batch in reading.batches():
            if batch.rows:
                yield chunks.of(batch), batch.seen

    async def _stored(self, lease: Lease) -> int:
        async with self._context.db.connection() as connection:
            found: int = await connection.fetchval(_STORED, lease.id)
        return found

    def _last_passed(self, stored: int) -> int:
        raise NotImplementedError


class ResumesBehindTheNext(_Resuming):
    """Takes the batch that it was about to store for stored."""

    def _last_passed(self, stored: int) -> int:
        return stored + 1


class ReadsAgainWithoutRowKeys(_Resuming):
    """Reads from the first row again and stores what it reads behind what is there."""

    def _last_passed(self, stored: int) -> int:
        return 0
