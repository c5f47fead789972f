"""Several changes of records as one: all of them are committed, each with its event, or none is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response

from plantkit.db.tx import Tx
from plantkit.errors import DomainError, KeyImmutable, NotFound, PreconditionRequired, Stale
from plantkit.http.etag import IfMatch
from plantkit.http.problems import problems
from plantkit.http.route import Routes, allow, keyed
from plantkit.run import Run
from records.versions import commands, orders
from records.versions.errors import (
    ContentRefused,
    Deleted,
    IllegalTransition,
    KeyTaken,
    NotItsCreator,
    ReasonMissing,
    Retained,
)
from records.versions.model import RecordRow
from takt_contracts.records.change_sets import ChangeSet, ChangeSetApplied
from takt_contracts.roles import Role

router = Routes(prefix="/change-sets", tags=["records"])
Handler = Callable[[Tx, Any], Awaitable[RecordRow]]
_REFUSALS = problems(
    NotFound, ContentRefused, Deleted, IllegalTransition, KeyImmutable, KeyTaken, NotItsCreator, PreconditionRequired,
    ReasonMissing, Retained, Stale,
)  # fmt: skip


@dataclass(frozen=True)
class Applied:
    """The records as the set left them."""

    created: Sequence[RecordRow]
    revised: Sequence[RecordRow]
    deleted: Sequence[RecordRow]


@router.post("", response_model=ChangeSetApplied, responses=_REFUSALS)
@allow(Role.VIEWER)
@keyed
async def apply(body: ChangeSet, run: Run) -> Response:
    """All or none. A refusal names the change that it is about in `change`, and its places in `errors`."""
    return await run.answer(apply_set, body, view=ChangeSetApplied)


async def apply_set(tx: Tx, body: ChangeSet) -> Applied:
    """The versions that were read guard the writes: one that is stale by then takes all others back."""
    edits = [orders.patch(one.id, _match(one.version), one) for one in body.revise]
    deletions = [commands.OnRecord(id=one.id, match=_match(one.version), reason=one.reason) for one in body.delete]
    return Applied(
        created=await _each(tx, "create", commands.create_record, [orders.creation(one) for one in body.create]),
        revised=await _each(tx, "revise", commands.revise_record, edits),
        deleted=await _each(tx, "delete", commands.delete_record, deletions),
    )


async def _each(tx: Tx, name: str, handler: Handler, asked: Sequence[Any]) -> list[RecordRow]:
    done = []
    for number, order in enumerate(asked):
        try:
            done.append(await handler(tx, order))
        except DomainError as refused:
            _name(refused, f"/{name}/{number}")
            raise
    return done


def _name(refused: DomainError, change: str) -> None:
    """Say which change of the set is refused."""
    refused.values["change"] = change
    refused.errors = tuple(one.model_copy(update={"pointer": change + one.pointer}) for one in refused.errors)


def _match(version: int | None) -> IfMatch:
    return IfMatch(None if version is None else str(version))
