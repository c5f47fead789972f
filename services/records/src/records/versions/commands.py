"""The orders a record takes. Each makes a version; nothing is ever changed in place."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson

from plantkit.db.tx import Tx
from plantkit.errors import Forbidden, NotFound
from plantkit.http.etag import IfMatch
from records.kinds import RecordTypeRow
from records.versions.model import RecordRow, VersionRow, present, seen
from records.versions.rules import checked, patched, refuse_silence, refuse_strangers
from takt_contracts.records.canonical import digest_of
from takt_contracts.records.records import VersionKind


@dataclass(frozen=True, kw_only=True)
class CreateRecord:
    """`id` is that of the record to be, so that the answer can name its path."""

    id: UUID
    record_type: str
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
    """What is None stays; `is_patch`: the content is a merge patch."""

    about: tuple[str, ...] | None
    content: Mapping[str, Any] | None
    is_patch: bool


async def create_record(tx: Tx, order: CreateRecord) -> RecordRow:
    kind = await _type(tx, order.record_type)
    if not tx.principal.has(*kind.creators):
        needed = sorted(kind.creators)
        raise Forbidden(f"Creating a record of this type needs the role {' or '.join(needed)}.", roles=needed)
    text = checked(order.content, kind.schema_text)
    record = tx.new(
        RecordRow,
        id=order.id,
        record_type=kind.name,
        access_class=kind.access_class,
        created_by=tx.principal.id,
        deleted_at=None,
    )
    return _write(tx, record, VersionKind.CREATED, kind, about=order.about, canonical=text, reason=order.reason)


async def revise_record(tx: Tx, order: ReviseRecord) -> RecordRow:
    """The same again is no version: nothing is told."""
    record = await _editable(tx, order)
    kind = await _type(tx, record.record_type)
    about = record.about if order.about is None else order.about
    text = checked(_revised(record, order), kind.schema_text)
    if (about, text) == (record.about, record.canonical):
        return record
    refuse_silence(order.reason, reason_required=kind.reason_required)
    return _write(tx, record, VersionKind.REVISED, kind, about=about, canonical=text, reason=order.reason)


async def delete_record(tx: Tx, order: OnRecord) -> RecordRow:
    record = await _editable(tx, order)
    kind = await _type(tx, record.record_type)
    refuse_silence(order.reason, reason_required=kind.reason_required)
    record.deleted_at = tx.now
    about = record.about
    return _write(tx, record, VersionKind.DELETED, kind, about=about, canonical=None, reason=order.reason)


async def _editable(tx: Tx, order: OnRecord) -> RecordRow:
    """No lock: the version that was read is part of the write, and whoever comes second is refused as stale."""
    found = present(seen(await tx.maybe(RecordRow, id=order.id), order.id, tx.principal))
    refuse_strangers(tx.principal, found.created_by)
    order.match.check(found.version)
    return found


async def _type(tx: Tx, name: str) -> RecordTypeRow:
    kind = await tx.maybe(RecordTypeRow, name=name)
    if kind is None:
        raise NotFound("record type", name)
    return kind


def _revised(record: RecordRow, order: ReviseRecord) -> Mapping[str, Any]:
    if order.content is None:
        return record.content or {}
    if not order.is_patch:
        return order.content
    merged: Mapping[str, Any] = patched(record.content, order.content)
    return merged


def _write(
    tx: Tx,
    record: RecordRow,
    version: VersionKind,
    kind: RecordTypeRow,
    *,
    about: tuple[str, ...],
    canonical: str | None,
    reason: str | None,
) -> RecordRow:
    record.salt = secrets.token_hex(16)
    record.digest = digest_of(None if canonical is None else orjson.loads(canonical), record.salt)
    record.refers_to, record.canonical, record.reason = orjson.dumps(about).decode(), canonical, reason
    record.schema_version, record.updated_by = kind.schema_version, tx.principal.id
    tx.add(VersionRow, **record.write(version))
    return record
