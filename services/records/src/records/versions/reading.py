"""Tells who reads what of class health, before it is shown: what cannot be told is not shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from plantkit.db.tx import Tx
from plantkit.ids import new_id
from plantkit.run import Runner
from records.versions import queries
from records.versions.model import RecordRow
from takt_contracts.audit import Actor
from takt_contracts.records.reading import ReadEntry, RecordsRead
from takt_contracts.records.record_types import AccessClass

ACTION: Final = "records.record.read"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One record, at one version or at several; or the health records of a page of a list."""

    subject: str | None = None
    subjects: tuple[str, ...] = ()
    version: int | None = None


async def before_one(run: Runner, record: RecordRow, version: int | None) -> None:
    """One record is about to be shown: this version of it, or several."""
    if record.access_class == AccessClass.HEALTH:
        await run(tell_shown, Shown(subject=str(record.id), version=version))


async def before_many(run: Runner, ids: Sequence[UUID]) -> None:
    """Several records are about to be shown, such as a page of a list: one entry for all health records of them."""
    if shown := await queries.health_among(run.context.db, ids):
        await run(tell_shown, Shown(subjects=tuple(shown)))


async def tell_shown(tx: Tx, shown: Shown) -> None:
    entry = ReadEntry(
        id=new_id(),
        at=tx.now,
        actor=Actor(kind=tx.principal.kind, id=tx.principal.id),
        action=ACTION,
        resource="record",
        subject=shown.subject,
        subjects=shown.subjects,
        version=shown.version,
        request_id=tx.origin.request_id,
        trace_id=None if tx.origin.traceparent is None else tx.origin.traceparent.split("-")[1],
    )
    tx.tell(RecordsRead(version=1, state=entry))
