"""A record, and the records that it refers to, as they were at a moment."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Uuid, bindparam, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from plantkit.db.engine import compile_statement
from plantkit.db.row import columns_of
from plantkit.run import Runner
from records.access import hidden_from, readable
from records.kinds import RecordTypeRow
from records.versions import reading
from records.versions.errors import AsOfOutside, Deleted
from records.versions.model import RecordRow, VersionRow
from takt_contracts.records.records import RecordAsOf, RecordVersion, ReferencedRecord, VersionKind

_REFERENCE: Final = "records/"
_SAME: Final = ("id", "record_type", "access_class", "created_by", "created_at")
_AS_OF: Final = compile_statement(
    select(
        *(getattr(VersionRow, name) for name in columns_of(VersionRow)), RecordRow.access_class, RecordTypeRow.seen_by
    )
    .ext(distinct_on(VersionRow.record_id))
    .join(RecordRow, RecordRow.id == VersionRow.record_id)
    .join(RecordTypeRow, RecordTypeRow.name == RecordRow.record_type)
    .where(
        VersionRow.record_id == func.any(bindparam("ids", type_=ARRAY(Uuid))),
        VersionRow.created_at <= bindparam("moment", type_=VersionRow.__table__.c.created_at.type),
    )
    .order_by(VersionRow.record_id, VersionRow.version.desc())
)
"""The last version of each record that was written until then."""


async def record_as_of(run: Runner, record: RecordRow, moment: datetime) -> RecordAsOf:
    """Raises AsOfOutside, or Deleted where it was by then."""
    if not record.created_at <= moment <= run.now():
        first = record.created_at.isoformat()
        raise AsOfOutside(f"as_of is a time from {first} until now.", first=first)
    [version] = (await _at(run, [record.id], moment)).values()
    if version.kind == VersionKind.DELETED:
        raise Deleted("The record had been deleted by then.", history=f"/api/v1/records/{record.id}/history")
    known = await _at(run, [id_ for about in version.about if (id_ := _id_of(about))], moment)
    await reading.before_one(run, record, version.version)
    await reading.before_many(run, list(known))
    return _shown(record, version, known)


async def _at(run: Runner, ids: Sequence[UUID], moment: datetime) -> dict[UUID, VersionRow]:
    """Those that this caller may read, without what is hidden from them."""
    classes, found = readable(run.principal), {}
    for row in await run.context.db.fetch(_AS_OF, ids=list(ids), moment=moment):
        values = dict(row)
        seen_by = orjson.loads(values.pop("seen_by"))
        if values.pop("access_class") in classes:
            found[row["record_id"]] = VersionRow(**values).hide(hidden_from(run.principal, seen_by))
    return found


def _shown(record: RecordRow, version: VersionRow, known: dict[UUID, VersionRow]) -> RecordAsOf:
    then = RecordVersion.model_validate(version, from_attributes=True)
    values: dict[str, Any] = {name: getattr(record, name) for name in _SAME} | then.model_dump()
    references = [
        ReferencedRecord(reference=about, record=known.get(id_)) for about in version.about if (id_ := _id_of(about))
    ]
    return RecordAsOf.model_validate(
        {**values, "updated_by": then.written_by, "updated_at": then.written_at, "references": references}
    )


def _id_of(about: str) -> UUID | None:
    """Of a reference to a record; what other services keep as it was is theirs to say."""
    if not about.startswith(_REFERENCE):
        return None
    try:
        return UUID(about.removeprefix(_REFERENCE))
    except ValueError:
        return None
