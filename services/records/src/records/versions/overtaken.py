"""What the author of a stale edit needs to decide: the version they saw, the newest, and what they made of theirs."""

from typing import Any

from plantkit.errors import Stale
from plantkit.http.etag import IfMatch
from plantkit.run import Runner
from records.versions import queries, reading
from records.versions.commands import OnRecord, ReviseRecord
from records.versions.model import RecordRow, VersionRow
from records.versions.rules import number_of, revised
from takt_contracts.records.records import RecordVersion

Told = dict[str, Any] | None


async def explained(run: Runner, order: OnRecord) -> Stale:
    """Reading them is reading the record, so it is told where that is told."""
    record = await queries.record(run.context, str(order.id), run.principal)
    base = await _version(run, record, order.match)
    theirs = await queries.version(run.context.db, record, record.version)
    await reading.before_one(run, record, None)
    return Stale(
        "It was changed after you read it.", base=_shown(base), theirs=_shown(theirs), yours=_yours(order, base)
    )


async def _version(run: Runner, record: RecordRow, match: IfMatch) -> VersionRow | None:
    return await queries.version(run.context.db, record, number_of(match.tag))


def _shown(version: VersionRow | None) -> Told:
    if version is None:
        return None
    return RecordVersion.model_validate(version, from_attributes=True).model_dump(mode="json")


def _yours(order: OnRecord, base: VersionRow | None) -> Told:
    """The document that the edit would have made of its base; null for a deletion, and where there is no such base."""
    if base is None or not isinstance(order, ReviseRecord):
        return None
    seen = {**base.document, "content": (_shown(base) or {})["content"]}
    return {**revised(seen, order.changes, is_patch=order.is_patch, unseen=frozenset())}
