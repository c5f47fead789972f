"""The orders a record takes. Each makes a version; nothing is ever changed in place."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from plantkit.db.tx import Tx
from plantkit.errors import Forbidden
from plantkit.http.etag import IfMatch
from records.access import hidden_from
from records.kinds import RecordTypeRow
from records.versions.errors import UnknownType
from records.versions.merging import Document, merged
from records.versions.model import RecordRow, VersionRow, present, seen
from records.versions.rules import (
    checked,
    key_of,
    number_of,
    refuse_early_deletion,
    refuse_move,
    refuse_other_key,
    refuse_silence,
    refuse_strangers,
    revised,
    searched_of,
)
from takt_contracts.records.canonical import digest_of
from takt_contracts.records.records import Lifecycle, VersionKind


@dataclass(frozen=True, kw_only=True)
class CreateRecord:
    """`id` is that of the record to be, so that the answer can name its path."""

    id: UUID
    record_type: str
    lifecycle: Lifecycle
    about: tuple[str, ...]
    content: Mapping[str, Any]
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class OnRecord:
    """Which record, and the version that the sender has seen."""

    id: UUID
    match: IfMatch
    reason: str | None


@dataclass(frozen=True, kw_only=True)
class ReviseRecord(OnRecord):
    """`changes` names what of a document is new; `is_patch`: its content is a merge patch.

    `merges`: an edit of an older version joins what was written since, unless both changed the same place.
    """

    changes: Document
    is_patch: bool
    merges: bool = False


async def create_record(tx: Tx, order: CreateRecord) -> RecordRow:
    """The unique constraint answers a taken business key."""
    kind = await _type(tx, order.record_type)
    if not tx.principal.has(*kind.creators):
        needed = sorted(kind.creators)
        raise Forbidden(f"Creating a record of this type needs the role {' or '.join(needed)}.", roles=needed)
    text = checked(order.content, kind.schema_text)
    refuse_move(None, order.lifecycle)
    record = tx.new(
        RecordRow,
        id=order.id,
        record_type=kind.name,
        access_class=kind.access_class,
        created_by=tx.principal.id,
        deleted_at=None,
        business_key=key_of(kind.business_key, orjson.loads(text)),
    )
    record.refers_to, record.lifecycle = orjson.dumps(order.about).decode(), order.lifecycle
    return _write(tx, record, VersionKind.CREATED, kind, text=text, reason=order.reason)


async def revise_record(tx: Tx, order: ReviseRecord) -> RecordRow:
    """The same again is no version: nothing is told."""
    record = await _editable(tx, order, lock=order.merges)
    base = await _base(tx, order, record)
    kind = await _type(tx, record.record_type)
    unseen = hidden_from(tx.principal, kind.hidden_fields)
    wanted = revised((base or record).document, order.changes, is_patch=order.is_patch, unseen=unseen)
    if base is not None:
        wanted = merged(base.document, record.document, wanted)
    text = checked(wanted["content"], kind.schema_text)
    about, lifecycle = orjson.dumps(wanted["about"]).decode(), Lifecycle(wanted["lifecycle"])
    if (tuple(wanted["about"]), lifecycle, text) == (record.about, record.lifecycle, record.canonical):
        return record.hide(unseen)
    refuse_silence(order.reason, reason_required=kind.reason_required)
    refuse_other_key(kind.business_key, record.content or {}, orjson.loads(text))
    refuse_move(Lifecycle(record.lifecycle), lifecycle)
    record.refers_to, record.lifecycle = about, lifecycle
    return _write(tx, record, VersionKind.REVISED, kind, text=text, reason=order.reason)


async def delete_record(tx: Tx, order: OnRecord) -> RecordRow:
    """Its business key is free again."""
    record = await _editable(tx, order)
    order.match.check(record.version)
    kind = await _type(tx, record.record_type)
    refuse_silence(order.reason, reason_required=kind.reason_required)
    refuse_early_deletion(record.created_at, kind.retention_days, tx.now)
    record.deleted_at, record.business_key = tx.now, None
    return _write(tx, record, VersionKind.DELETED, kind, text=None, reason=order.reason)


async def _editable(tx: Tx, order: OnRecord, *, lock: bool = False) -> RecordRow:
    """Mostly no lock: the version that was read is part of the write, and whoever comes second is refused as stale."""
    found = present(seen(await tx.maybe(RecordRow, lock=lock, id=order.id), order.id, tx.principal))
    refuse_strangers(tx.principal, found.created_by)
    return found


async def _base(tx: Tx, order: ReviseRecord, record: RecordRow) -> VersionRow | None:
    """The older version whose edit is to be merged; None where the edit is of the newest. Raises Stale."""
    base = None
    if order.merges and order.match.tag != str(record.version):
        base = await tx.maybe(VersionRow, record_id=record.id, version=number_of(order.match.tag))
    if base is None:
        order.match.check(record.version)
    return base


async def _type(tx: Tx, name: str) -> RecordTypeRow:
    kind = await tx.maybe(RecordTypeRow, name=name)
    if kind is None:
        raise UnknownType("record type", name)
    return kind


def _write(
    tx: Tx, record: RecordRow, version: VersionKind, kind: RecordTypeRow, *, text: str | None, reason: str | None
) -> RecordRow:
    """The caller is answered without what is hidden from them."""
    tx.add(VersionRow, **next_version(record, version, kind, by=tx.principal.id, text=text, reason=reason))
    return record.hide(hidden_from(tx.principal, kind.hidden_fields))


def next_version(
    record: RecordRow, version: VersionKind, kind: RecordTypeRow, *, by: str, text: str | None, reason: str | None
) -> dict[str, Any]:
    """Fill in the next version and tell it, without what the type hides; answers what is kept of it for ever."""
    content = None if text is None else orjson.loads(text)
    record.salt = secrets.token_hex(16)
    record.digest = digest_of(content, record.salt)
    record.canonical, record.reason, record.searched = text, reason, searched_of(kind.searchable, content or {})
    record.schema_version, record.updated_by = kind.schema_version, by
    return record.hide(kind.hides).write(version)
