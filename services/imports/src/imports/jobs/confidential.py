"""Rows that are not for everyone: who sees them is told, who may not is refused, and they are kept for a few days."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from imports.jobs import sending
from imports.jobs.errors import RowsNotShown, RowsPurged
from imports.jobs.model import Import, ImportWork
from imports.jobs.rules import ENDED
from imports.settings import Settings
from plantkit import work
from plantkit.audit import trace_id
from plantkit.auth.principal import SYSTEM
from plantkit.context import Context
from plantkit.db.tx import Origin, Tx
from plantkit.ids import new_id
from plantkit.run import Runner
from takt_contracts import catalog
from takt_contracts.audit import Actor
from takt_contracts.imports.jobs import ImportState
from takt_contracts.records.reading import ImportsRead, ReadEntry

ACTION: Final = "imports.rows.read"
TARGETS: Final = sorted(template.id for template in catalog.templates().values() if template.is_confidential)
_AT_ONCE: Final = 100
_OLD = """
SELECT i.id FROM imports i JOIN import_work w ON w.id = i.id
WHERE i.target = ANY($1) AND i.uploaded_at < $2 AND w.rows_purged_at IS NULL AND i.state <> $3
ORDER BY i.uploaded_at LIMIT $4
"""
_PURGE: Final = (
    "DELETE FROM import_batches WHERE import_id = $1",
    "DELETE FROM import_results WHERE import_id = $1",
    "UPDATE import_work SET rows_purged_at = clock_timestamp() WHERE id = $1",
)


async def before_rows(run: Runner, job: Import) -> None:
    """Rows of the import are about to be shown. Raises RowsNotShown, RowsPurged."""
    template = catalog.templates().get(job.target or "")
    if template is None or not template.is_confidential:
        return
    if not run.principal.has(template.read):
        raise RowsNotShown(f"Rows of {template.id} are shown to {template.read} only.", roles=[template.read])
    if await _is_purged(run.context, job.id):
        raise RowsPurged("They were kept for a few days, which are over.")
    await run(_tell_shown, job)


async def _is_purged(context: Context, import_id: UUID) -> bool:
    async with context.db.connection() as connection:
        found = await connection.fetchval("SELECT rows_purged_at FROM import_work WHERE id = $1", import_id)
    return found is not None


async def _tell_shown(tx: Tx, job: Import) -> None:
    entry = ReadEntry(
        id=new_id(),
        at=tx.now,
        actor=Actor(kind=tx.principal.kind, id=tx.principal.id),
        action=ACTION,
        resource="import",
        subject=str(job.id),
        request_id=tx.origin.request_id,
        trace_id=trace_id(tx.origin),
    )
    tx.tell(ImportsRead(version=1, state=entry))


async def purge_once(context: Context) -> int:
    """Forget the rows of up to a hundred imports whose days are over. Answers how many. What was done stays done."""
    assert isinstance(context.settings, Settings)
    before = context.clock() - timedelta(days=context.settings.keep_confidential_days)
    async with context.db.connection() as connection:
        old = await connection.fetch(_OLD, TARGETS, before, ImportState.COMMITTING, _AT_ONCE)
    run = Runner(context, SYSTEM, Origin(request_id=str(new_id())), now=context.clock)
    for found in old:
        await run(_purge, found["id"])
    return len(old)


async def _purge(tx: Tx, import_id: UUID) -> None:
    """One that nobody has committed until now is cancelled: its plan is gone. One that is under way is left alone."""
    read = await tx.maybe(ImportWork, lock=True, id=import_id)
    job = await tx.one(Import, lock=True, id=import_id)
    assert read is not None
    if job.state == ImportState.COMMITTING:
        return
    if job.state not in ENDED:
        await sending.stop(tx, job, rows_read=read.rows_read)
        await work.finish(tx, ImportWork, import_id)
    for statement in _PURGE:
        await tx.connection.execute(statement, import_id)
