"""What runs beside requests: the worker's hands, the sweeping of old files, the number of files that wait."""

import asyncio
from datetime import timedelta

import asyncpg
from fastapi import FastAPI

from imports.jobs.confidential import TARGETS, purge_once
from imports.jobs.metrics import IMPORT_WAITING
from imports.jobs.model import ImportWork
from imports.jobs.reading import attempts_of
from imports.settings import Settings
from plantkit.context import Context
from plantkit.db.engine import FAILED
from plantkit.errors import DomainError
from plantkit.observability import logs
from plantkit.storage import Storage
from plantkit.work import Crew, Desk

_MEASURE_EVERY_S = 5.0
_SWEEP_EVERY_S = 3600.0
_AT_ONCE = 100
_TROUBLE = (*FAILED, DomainError)
log = logs.get(__name__)

_WAITING = "SELECT count(*) FROM import_work WHERE finished_at IS NULL"
_OLD = """
SELECT i.id, i.dataref FROM imports i JOIN import_work w ON w.id = i.id
WHERE w.file_deleted_at IS NULL AND w.finished_at IS NOT NULL AND NOT i.waits
  AND i.uploaded_at < CASE WHEN i.target = ANY($3) THEN $4::timestamptz ELSE $1 END ORDER BY i.uploaded_at LIMIT $2
"""
_DELETED = "UPDATE import_work SET file_deleted_at = clock_timestamp() WHERE id = ANY($1::uuid[])"


async def work(app: FastAPI) -> None:
    """Read files as they come, a few at once. Ends with the process; what is in hand goes to another worker."""
    context: Context = app.state.context
    assert isinstance(context.settings, Settings)
    desk = Desk(context.db, ImportWork, lease_s=context.settings.lease_s)
    await Crew(desk, attempts_of(app), most=context.settings.parsers, wake=context.wake).run()


async def measure(app: FastAPI) -> None:
    """How many files wait, every few seconds."""
    context: Context = app.state.context
    while True:
        try:
            async with context.db.connection() as connection:
                IMPORT_WAITING.set(await connection.fetchval(_WAITING))
        except _TROUBLE as trouble:
            log.warning("imports.not_measured", error=type(trouble).__name__)
        await asyncio.sleep(_MEASURE_EVERY_S)


async def sweep(app: FastAPI) -> None:
    """Delete files from the inbox when their time is over; what became of their rows stays, but for rows that are not
    for everyone.
    """
    context: Context = app.state.context
    assert isinstance(context.settings, Settings)
    storage = Storage(context.settings.storage_url)
    while True:
        try:
            while await sweep_once(context, storage) or await purge_once(context):
                pass
        except _TROUBLE as trouble:
            log.warning("imports.sweep_later", error=type(trouble).__name__)
        await asyncio.sleep(_SWEEP_EVERY_S)


async def sweep_once(context: Context, storage: Storage) -> int:
    """Delete up to a hundred files that are old enough. Answers how many. Raises StorageAway."""
    assert isinstance(context.settings, Settings)
    old = await _old(context)
    for file in old:
        await storage.delete(file["dataref"])
    async with context.db.connection() as connection:
        await connection.execute(_DELETED, [file["id"] for file in old])
    return len(old)


async def _old(context: Context) -> list[asyncpg.Record]:
    settings, now = context.settings, context.clock()
    assert isinstance(settings, Settings)
    before, soon = (now - timedelta(days=days) for days in (settings.keep_files_days, settings.keep_confidential_days))
    async with context.db.connection() as connection:
        return list(await connection.fetch(_OLD, before, _AT_ONCE, TARGETS, soon))
