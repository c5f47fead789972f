"""What can be done to a resource. The same commands serve HTTP, imports and seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from plantkit.db.tx import Tx
from plantkit.errors import KeyImmutable
from plantkit.http.etag import IfMatch
from plantkit.http.problems import invalid
from plantkit.resources.references import refuse_in_use, require_references
from plantkit.resources.resource import Archivable, Resource
from takt_contracts.problem import FieldError
from takt_contracts.resource import Change, Fields

AnyResource = Resource[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Create:
    resource: AnyResource
    fields: Fields


@dataclass(frozen=True, kw_only=True)
class On:
    """An order about one that exists; `match` names the version that its sender has seen."""

    resource: AnyResource
    key: Mapping[str, Any]
    match: IfMatch


@dataclass(frozen=True, kw_only=True)
class Update(On):
    """Take these fields over; the others stay. A replacement names all of them."""

    changes: Mapping[str, Any]


async def create(tx: Tx, order: Create) -> Archivable:
    """The unique constraint answers a taken key, not a look beforehand: two at once cannot both pass."""
    signed = order.resource.signed(tx.principal.id)
    row = tx.new(order.resource.row, archived_at=None, **_values(order.fields), **signed)
    await _check(tx, order.resource, None, row)
    order.resource.tell(row, Change.CREATED)
    await _follow(tx, order.resource, row, Change.CREATED)
    return row


async def update(tx: Tx, order: Update) -> Archivable:
    """No lock: the version that was read is part of the write, and whoever comes second is refused as stale."""
    resource = order.resource
    row = await _present(tx, order)
    order.match.check(row.version)
    before = resource.fields_of(row)
    _refuse_new_key(order)
    after = merged(resource, before, order.changes)
    changed = {name: value for name, value in _values(after).items() if value != getattr(before, name)}
    if not changed:
        return row
    for name, value in changed.items():
        setattr(row, name, value)
    await _check(tx, resource, before, row, changed)
    resource.tell(row, Change.UPDATED)
    await _follow(tx, resource, row, Change.UPDATED)
    return row


async def archive(tx: Tx, order: On) -> Archivable:
    await _hold(tx, order)
    row = await _present(tx, order, lock=True)
    order.match.check(row.version)
    await refuse_in_use(tx, row)
    row.archived_at = tx.now
    order.resource.tell(row, Change.ARCHIVED)
    await _follow(tx, order.resource, row, Change.ARCHIVED)
    return row


async def restore(tx: Tx, order: On) -> Archivable:
    """One that is not archived stays as it is, and nothing is told. The version is checked where it is named."""
    await _hold(tx, order)
    row = await tx.maybe(order.resource.row, lock=True, **order.key)
    if row is None:
        raise order.resource.not_found(order.key)
    if order.match.tag is not None:
        order.match.check(row.version)
    if row.archived_at is None:
        return row
    row.archived_at = None
    require_references(tx, row)
    order.resource.tell(row, Change.RESTORED)
    await _follow(tx, order.resource, row, Change.RESTORED)
    return row


async def _hold(tx: Tx, order: On) -> None:
    if order.resource.along is not None:
        await order.resource.along.hold(tx, order.key)


async def _follow(tx: Tx, resource: AnyResource, row: Archivable, change: Change) -> None:
    if resource.along is not None:
        await resource.along.follow(tx, row, change)


async def _present(tx: Tx, order: On, *, lock: bool = False) -> Archivable:
    row = await tx.maybe(order.resource.row, lock=lock, archived_at=None, **order.key)
    if row is None:
        raise order.resource.not_found(order.key)
    return row


async def _check(
    tx: Tx, resource: AnyResource, before: Fields | None, row: Archivable, changed: Mapping[str, Any] | None = None
) -> None:
    if resource.rules:
        after = resource.fields_of(row)
        for rule in resource.rules:
            waiting = rule(tx, before, after)
            if waiting is not None:
                await waiting
    require_references(tx, row, changed)


def _refuse_new_key(order: Update) -> None:
    """Events, paths and other resources name it by its key, so the key never changes."""
    wanted = [name for name, value in order.key.items() if order.changes.get(name, value) != value]
    if wanted:
        detail = "A key never changes."
        errors = [FieldError(pointer=f"/{name}", code="field.immutable", detail=detail) for name in wanted]
        raise KeyImmutable(f"{' and '.join(wanted)} is the key, which never changes.", errors=errors)


def merged(resource: AnyResource, before: Fields, changes: Mapping[str, Any]) -> Fields:
    """Validated as a whole, because a field may be right on its own and wrong beside another."""
    try:
        merged: Fields = resource.contract.fields.model_validate(_values(before) | dict(changes))
    except ValidationError as wrong:
        raise invalid([{**error, "loc": ("body", *error["loc"])} for error in wrong.errors()]) from None
    return merged


def _values(fields: Fields) -> dict[str, Any]:
    return {name: getattr(fields, name) for name in type(fields).model_fields}
