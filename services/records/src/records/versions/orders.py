"""From what a client sends to the orders that records take."""

from typing import Any, Final
from uuid import UUID

from plantkit.http.etag import IfMatch
from plantkit.ids import new_id
from records.versions.commands import CreateRecord, ReviseRecord
from takt_contracts.records.records import NewRecord, RecordPatch, Revision

_OF_A_DOCUMENT: Final = ("about", "content", "lifecycle")


def creation(new: NewRecord) -> CreateRecord:
    return CreateRecord(
        id=new_id(),
        record_type=new.record_type,
        lifecycle=new.lifecycle,
        about=new.about,
        content=new.content,
        reason=new.reason,
    )


def replacement(id_: UUID, match: IfMatch, body: Revision, *, merges: bool = False) -> ReviseRecord:
    """What is left out is empty, but for the lifecycle, which stays."""
    said = {"about", *body.model_fields_set}
    return ReviseRecord(
        id=id_, match=match, reason=body.reason, changes=_changes(body, said), is_patch=False, merges=merges
    )


def patch(id_: UUID, match: IfMatch, body: RecordPatch, *, merges: bool = False) -> ReviseRecord:
    """What is left out stays."""
    said = body.model_fields_set
    return ReviseRecord(
        id=id_, match=match, reason=body.reason, changes=_changes(body, said), is_patch=True, merges=merges
    )


def _changes(body: Revision | RecordPatch, said: set[str]) -> dict[str, Any]:
    given = {name: getattr(body, name) for name in _OF_A_DOCUMENT if name in said}
    return {name: list(value) if name == "about" else value for name, value in given.items()}
