"""One attempt to read a file: fetched, verified, parsed, mapped, validated and stored, under a lease.

Nothing goes to an owner before the last row was read. An attempt that dies leaves rows that the next one forgets.
"""

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import orjson
from fastapi import FastAPI

from imports.jobs import commands
from imports.jobs.batches import Chunk
from imports.jobs.metrics import IMPORT_RESUMES
from imports.jobs.model import Import, ImportWork
from imports.jobs.rules import Failure
from imports.settings import Settings
from imports.spreadsheet.limits import Refused
from plantkit import crash
from plantkit.auth.principal import SYSTEM
from plantkit.context import Context
from plantkit.db.tx import Origin, Tx
from plantkit.run import Handler, Runner
from plantkit.storage import NoSuchObject, Storage
from plantkit.work import Fenced, Lease
from takt_contracts import catalog

if TYPE_CHECKING:
    from imports.spreadsheet.reading import Batch, CellError, Reading

C = TypeVar("C")
T = TypeVar("T")
Opener = Callable[..., "Reading"]


class Attempts:
    """What a hand of the worker does with a lease: read the file, or send what takes effect as a whole."""

    def __init__(self, context: Context, storage: Storage, *, opener: Opener) -> None:
        assert isinstance(context.settings, Settings)
        self._context = context
        self._settings = context.settings
        self._storage = storage
        self._open = opener

    async def __call__(self, lease: Lease) -> None:
        job, task = await self._run(lease, _look, lease)
        if lease.attempts > 1:
            IMPORT_RESUMES.inc()
        try:
            self._refuse_endless(lease)
            if task == commands.SEND or await self._read(lease, job):
                while await self._run(lease, commands.send_more, lease):
                    pass
        except Refused as refused:
            order = commands.GiveUp(lease=lease, code=refused.code, detail=refused.detail)
            await self._run(lease, commands.give_up, order)

    def _refuse_endless(self, lease: Lease) -> None:
        if lease.attempts > self._settings.attempts:
            raise Refused(Failure.GAVE_UP, f"{self._settings.attempts} attempts did not come to an end.")

    async def _read(self, lease: Lease, job: Import) -> bool:
        """True when the worker has to send. Raises Refused, StorageAway, Fenced.

        The copy has no name: a worker that is killed leaves no rows of a person's behind.
        """
        with tempfile.TemporaryFile() as file:
            await self._fetch(job, file)
            async with self._opened(job, Path(f"/proc/self/fd/{file.fileno()}")) as reading:
                if not await self._begin(lease, reading):
                    return False
                await self._store_all(lease, job, reading)
        return await self._run(lease, commands.end_reading, lease)

    async def _fetch(self, job: Import, file: IO[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        try:
            async for piece in self._storage.get(job.dataref):
                digest.update(piece)
                size += len(piece)
                if size > job.bytes:
                    break
                file.write(piece)
        except NoSuchObject:
            raise Refused(Failure.FILE_MISSING, "The file is not in the inbox.") from None
        file.flush()
        if (size, digest.hexdigest()) != (job.bytes, job.sha256):
            raise Refused(Failure.DIGEST_MISMATCH, "The file is not the one that was announced.")

    def _opened(self, job: Import, path: Path) -> "Reading":
        """What a person has said of the sheet is taken; all else is found out anew."""
        return self._open(
            path,
            catalog.templates(),
            wanted=job.template or job.target,
            mapping=job.mapping if job.by_person else None,
            sheet=job.sheet if job.by_person else None,
            header_row=job.header_row if job.by_person else None,
            limits=self._settings.limits,
            timezone=self._settings.time_zone,
        )

    async def _begin(self, lease: Lease, reading: "Reading") -> bool:
        head = await reading.head()
        found = {name: getattr(head, name) for name in _OF_HEAD}
        order = commands.TakeHead(lease=lease, fields=reading.fields, **found)
        return await self._run(lease, commands.take_head, order)

    async def _store_all(self, lease: Lease, job: Import, reading: "Reading") -> None:
        chunks = Chunks(row_errors=self._settings.row_errors, import_errors=self._settings.import_errors)
        async for batch in reading.batches():
            if job.atomic and batch.seen > self._settings.atomic_rows:
                detail = f"More than {self._settings.atomic_rows} rows cannot take effect together."
                raise Refused(Failure.ROWS_TOO_MANY, detail)
            if batch.rows or batch.rejected:
                order = commands.StoreChunk(lease=lease, chunk=chunks.of(batch), seen=batch.seen)
                await self._run(lease, commands.store_chunk, order)
                crash.point("import.mid_batch")
        crash.point("import.after_last_batch_before_state")

    async def _run(self, lease: Lease, handler: Handler[C, T], order: C) -> T:
        origin = Origin(request_id=str(lease.id))
        return await Runner(self._context, SYSTEM, origin, now=self._context.clock)(handler, order)


_OF_HEAD = ("sheet", "header_row", "columns", "template_id", "suggestions", "warnings")


async def _look(tx: Tx, lease: Lease) -> tuple[Import, str]:
    job = await tx.maybe(Import, id=lease.id)
    if job is None:
        raise Fenced
    return job, (await tx.one(ImportWork, id=lease.id)).task


class Chunks:
    """Numbers batches and keeps what is said of wrong cells within bounds: each rejected row keeps at least one."""

    def __init__(self, *, row_errors: int, import_errors: int) -> None:
        self._row_errors, self._left = row_errors, import_errors
        self._chunks = self._batches = 0

    def of(self, batch: "Batch") -> Chunk:
        self._chunks += 1
        self._batches += bool(batch.rows)
        numbers: list[Any] = sorted(batch.rejected)
        if batch.rows:
            numbers += [batch.rows[0][0], batch.rows[-1][0]]
        return Chunk(
            number=self._chunks,
            batch=self._batches if batch.rows else None,
            first_row=min(numbers),
            last_row=max(numbers),
            row_count=len(batch.rows),
            rejected=sorted(batch.rejected),
            rows=orjson.dumps(batch.rows),
            errors=orjson.dumps(self._bounded(batch.errors)),
        )

    def _bounded(self, errors: "list[CellError]") -> "list[CellError]":
        kept: list[CellError] = []
        of_row: dict[int, int] = {}
        for error in errors:
            known = of_row.get(error.row, 0)
            if known == 0 or (known < self._row_errors and self._left > 0):
                of_row[error.row] = known + 1
                self._left -= 1
                kept.append(error)
        return kept


def attempts_of(app: FastAPI) -> Attempts:
    """What the worker does. The reader of workbooks is loaded by processes that work."""
    from imports.spreadsheet.reading import open_file

    context: Context = app.state.context
    assert isinstance(context.settings, Settings)
    return Attempts(context, Storage(context.settings.storage_url), opener=open_file)
