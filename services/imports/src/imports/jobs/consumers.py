"""What imports hears: files that arrived, and answers of the owners of rows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from imports.jobs import commands
from imports.jobs.errors import FileReferenceRefused
from imports.jobs.rules import is_inbox_key
from plantkit.db.tx import Origin, Tx
from plantkit.messaging.consumer import consumes
from plantkit.messaging.records import Delivery
from takt_contracts.imports.files import FileUploaded
from takt_contracts.imports.rows import ROWS_APPLIED, RowResults


@consumes(FileUploaded, group="imports.files", keeps_version=True)
async def receive_files(tx: Tx, deliveries: Sequence[Delivery[FileUploaded]]) -> None:
    """Make an import of each file.

    Delivered twice: the import is there, nothing happens. Late: the file waits in the inbox. A reference out of the
    inbox is refused for good.
    """
    _tell_of(tx, {one.event.state.id for one in deliveries})
    for one in deliveries:
        _refuse_foreign(one)
        await commands.receive_file(tx, one.event.state)


def _refuse_foreign(delivery: Delivery[FileUploaded]) -> None:
    file = delivery.event.state
    said = delivery.envelope.dataref
    if not is_inbox_key(file.dataref) or said not in (None, file.dataref):
        raise FileReferenceRefused("The file's reference is not a key of the inbox, or not the same twice.")


@consumes(*ROWS_APPLIED.values(), group="imports.results", keeps_version=True, batch=64)
async def take_answers(tx: Tx, deliveries: Sequence[Delivery[Any]]) -> None:
    """Keep what became of rows and go on with their import.

    Delivered twice: a batch is answered once, the second answer changes nothing. Late or out of order: batches are
    counted, not awaited in turn; what belongs to a phase that is over is left alone.
    """
    answers: dict[UUID, list[RowResults]] = {}
    for one in deliveries:
        answers.setdefault(one.event.state.import_id, []).append(one.event.state)
    _tell_of(tx, answers.keys())
    await commands.take_answers(tx, answers)


def _tell_of(tx: Tx, imports: Any) -> None:
    """What follows from one import's events is told as its doing."""
    if len(imports) == 1:
        [import_id] = imports
        tx.origin = Origin(request_id=str(import_id))
