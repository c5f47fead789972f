"""Whether a driver, truck or trailer is free, and what it takes. Says by name what the constraints would say by number.

Assets are read by their tables' names: the catalog that keeps them is another slice. Each is locked before it is asked
about, always in the same order, so of two who want one truck the second sees the booking of the first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from sqlalchemy import text

from operations.logistics.errors import DoubleBooked, OverCapacity
from operations.logistics.model import TransportOrder, Window
from operations.logistics.rules import Capacity, over, together
from plantkit.db.engine import compile_statement
from plantkit.db.tx import Tx
from plantkit.errors import UnknownReference
from takt_contracts.operations.logistics import Leg
from takt_contracts.problem import FieldError

KINDS: Final = ("driver", "truck", "trailer")
_CARRIES: Final[Mapping[str, str]] = {"driver": "NULL::bigint AS capacity_pallets, NULL::numeric AS capacity_kg"}
_LOCKED = {
    kind: compile_statement(
        text(
            f"SELECT code, no, {_CARRIES.get(kind, 'capacity_pallets, capacity_kg')} FROM operations.{kind}s"  # noqa: S608 -- names of ours
            " WHERE code = :code AND archived_at IS NULL FOR NO KEY UPDATE"
        )
    )
    for kind in KINDS
}
_CLASH = {
    kind: compile_statement(
        text(
            "SELECT o.no, lower(b.during) AS starts, upper(b.during) AS ends FROM operations.transport_bookings b"  # noqa: S608 -- names of ours
            " JOIN operations.transport_orders o ON o.id = b.transport_order_id"
            f" WHERE int8range(b.{kind}_no, b.{kind}_no, '[]') && int8range(:no, :no, '[]') AND b.{kind}_no IS NOT NULL"
            " AND b.during && tstzrange(:starts, :ends) AND (o.id <> :order_id OR b.leg <> :leg)"
            " ORDER BY lower(b.during), o.no LIMIT 1"
        )
    )
    for kind in KINDS
}


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A driver, truck or trailer as it is now, locked until the command has ended."""

    kind: str
    code: str
    no: int
    capacity: Capacity


async def locked(tx: Tx, wanted: Mapping[str, str | None], leg: Leg | None = None) -> list[Asset]:
    """The assets with these codes by kind. With `leg` the refusal points at the order's field, else at the body's.

    Raises UnknownReference naming each that is not there or archived.
    """
    await tx.begin()
    found, unknown = [], []
    for kind in KINDS:
        code = wanted.get(kind)
        if code is None:
            continue
        records = await tx.fetch(_LOCKED[kind], code=code)
        if records:
            found.append(_asset(kind, records[0]))
        else:
            pointer = f"/{kind}" if leg is None else f"/{leg}_{kind}"
            detail = f"There is no {kind} {code}."
            unknown.append(FieldError(pointer=pointer, code="field.unknown-reference", detail=detail))
    if unknown:
        raise UnknownReference(" ".join(error.detail for error in unknown), errors=unknown)
    return found


def _asset(kind: str, record: asyncpg.Record) -> Asset:
    capacity = Capacity(pallets=record["capacity_pallets"], kilos=record["capacity_kg"])
    return Asset(kind=kind, code=record["code"], no=record["no"], capacity=capacity)


async def require_free(tx: Tx, order_id: UUID, leg: Leg, window: Window, assets: Iterable[Asset]) -> None:
    """None of the assets is away for another order, or another leg, within the window. Raises DoubleBooked."""
    starts, ends = window
    for asset in assets:
        about = {"no": asset.no, "starts": starts, "ends": ends, "order_id": order_id, "leg": leg}
        found = await tx.fetch(_CLASH[asset.kind], **about)
        if found:
            raise _double_booked(asset, found[0])


def _double_booked(asset: Asset, by: asyncpg.Record) -> DoubleBooked:
    starts, ends = (_written(by[name]) for name in ("starts", "ends"))
    return DoubleBooked(
        f"The {asset.kind} {asset.code} is booked by {by['no']} from {starts} to {ends}.",
        asset=asset.kind,
        key=asset.code,
        order=by["no"],
        starts=starts,
        ends=ends,
    )


def _written(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def require_room(order: TransportOrder, assets: Sequence[Asset]) -> None:
    """Truck and trailer together take the load. Raises OverCapacity naming them."""
    vehicles = [asset for asset in assets if asset.kind != "driver"]
    capacity = together(asset.capacity for asset in vehicles)
    what = over(capacity, pallets=order.pallets, kilos=order.kilos)
    if what is None:
        return
    load, room = (order.pallets, capacity.pallets) if what == "pallets" else (order.kilos, capacity.kilos)
    named = " and ".join(f"{asset.kind} {asset.code}" for asset in vehicles)
    detail = f"{load} {what} are more than the {room} that {named} take."
    errors = [FieldError(pointer=f"/{asset.kind}", code="field.rule", detail=detail) for asset in vehicles]
    raise OverCapacity(detail, errors=errors, assets=[asset.code for asset in vehicles])
